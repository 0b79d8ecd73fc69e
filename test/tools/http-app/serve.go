package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const sizeMax = 64 << 20

// serve answers until SIGTERM:
//
//	/             the word; a POST gets its body back
//	/bytes/N      N bytes
//	/status/N     status N
//	/slow/N       the word, after N milliseconds
//	/request      what was asked, as JSON: method, path, headers, who asked
//	/upstream     "word <- " and what the upstream answers to /; 502 and why when it does not
func serve(words []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := flags.String("listen", ":8080", "address")
	word := flags.String("word", "hello", "what it answers")
	upstream := flags.String("upstream", "", "URL that /upstream asks")
	flags.Parse(words)

	client := &http.Client{Timeout: 5 * time.Second}
	routes := http.NewServeMux()
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			io.Copy(w, io.LimitReader(r.Body, sizeMax))
			return
		}
		io.WriteString(w, *word)
	})
	routes.HandleFunc("/bytes/", numbered(func(w http.ResponseWriter, count int) {
		w.Header().Set("Content-Length", strconv.Itoa(count))
		block := []byte(strings.Repeat("0123456789abcde\n", 1024))
		for left := count; left > 0; left -= len(block) {
			w.Write(block[:min(left, len(block))])
		}
	}))
	routes.HandleFunc("/status/", numbered(func(w http.ResponseWriter, status int) {
		w.WriteHeader(min(max(status, 200), 599))
		io.WriteString(w, *word)
	}))
	routes.HandleFunc("/slow/", numbered(func(w http.ResponseWriter, milliseconds int) {
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		io.WriteString(w, *word)
	}))
	routes.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"word": *word, "method": r.Method, "host": r.Host, "remote": r.RemoteAddr, "headers": r.Header})
	})
	routes.HandleFunc("/upstream", func(w http.ResponseWriter, r *http.Request) {
		status, body, err := ask(client, *upstream)
		if err != nil || status != http.StatusOK {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprintf(w, "%s <- %d %v %s", *word, status, err, body)
			return
		}
		fmt.Fprintf(w, "%s <- %s", *word, body)
	})

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	// As a program should: who was let in is answered before it goes.
	server := &http.Server{Handler: routes}
	closed := make(chan struct{})
	go func() {
		<-ended
		soon, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		server.Shutdown(soon)
		close(closed)
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	<-closed
	return nil
}

func numbered(answer func(http.ResponseWriter, int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.Atoi(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		if err != nil || number < 0 || number > sizeMax {
			http.Error(w, "want a number", http.StatusBadRequest)
			return
		}
		answer(w, number)
	}
}

func ask(client *http.Client, url string) (int, string, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, sizeMax))
	return response.StatusCode, string(body), err
}
