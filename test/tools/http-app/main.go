// The app of the tests: a small HTTP server, a client and a load, in one program without libraries, quick to start.
//
//	http-app serve -listen :8080 -word hello [-upstream http://127.0.0.1:9001]
//	http-app get [-for 30s] URL
//	http-app load -url URL -rate 200 -duration 10s
//	http-app forward -listen 127.0.0.1:8080 -to 10.1.2.3:9000
package main

import (
	"fmt"
	"os"
)

func main() {
	actions := map[string]func([]string) error{"serve": serve, "get": get, "load": load, "forward": forward}
	if len(os.Args) < 2 || actions[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: http-app serve|get|load|forward [flags]")
		os.Exit(2)
	}
	if err := actions[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "http-app:", err)
		os.Exit(1)
	}
}
