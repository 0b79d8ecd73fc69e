package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// get prints what a URL answers. With -for it asks again until the answer is 200 or the time is over.
func get(words []string) error {
	flags := flag.NewFlagSet("get", flag.ExitOnError)
	patience := flags.Duration("for", 0, "ask again for so long")
	timeout := flags.Duration("timeout", 5*time.Second, "of one question")
	host := flags.String("host", "", "Host header")
	flags.Parse(words)
	if flags.NArg() != 1 {
		return errors.New("get: want one URL")
	}
	client := &http.Client{Timeout: *timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequest(http.MethodGet, flags.Arg(0), nil)
	if err != nil {
		return err
	}
	request.Host = *host
	for deadline := time.Now().Add(*patience); ; time.Sleep(50 * time.Millisecond) {
		status, body, err := answer(client, request)
		if err == nil && status == http.StatusOK {
			fmt.Print(body)
			return nil
		}
		if !time.Now().Before(deadline) {
			if err == nil {
				err = fmt.Errorf("status %d: %s", status, body)
			}
			return err
		}
	}
}

func answer(client *http.Client, request *http.Request) (int, string, error) {
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, sizeMax))
	return response.StatusCode, string(body), err
}

// forward carries TCP connections: from a test on the machine into a namespace, or out of it.
func forward(words []string) error {
	flags := flag.NewFlagSet("forward", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	to := flags.String("to", "", "address")
	flags.Parse(words)
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	for {
		inner, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer inner.Close()
			outer, err := net.DialTimeout("tcp", *to, 5*time.Second)
			if err != nil {
				return
			}
			defer outer.Close()
			done := make(chan struct{}, 2)
			for _, pair := range [][2]net.Conn{{inner, outer}, {outer, inner}} {
				go func() {
					io.Copy(pair[0], pair[1])
					pair[0].(*net.TCPConn).CloseWrite()
					done <- struct{}{}
				}()
			}
			<-done
			<-done
		}()
	}
}
