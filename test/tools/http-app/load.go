package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"
)

const errorsKept = 100

type failure struct {
	// Unix milliseconds.
	At   int64  `json:"at"`
	What string `json:"what"`
}

type summary struct {
	Requests int `json:"requests"`
	Errors   int `json:"errors"`
	// The first of them.
	Failures []failure `json:"failures"`
	// Questions that could not begin in time, since too many others were under way: not among the requests.
	Skipped   int                `json:"skipped"`
	Seconds   float64            `json:"seconds"`
	Bytes     int64              `json:"bytes"`
	LatencyMs map[string]float64 `json:"latencyMs"`
}

// load asks one URL at a steady rate, whatever the answers take, for a time or until SIGTERM, and prints what became of it as one line of
// JSON. A question counts as failed when there is no answer in time or its status is not 2xx. With -report, a line {requests, errors} too.
func load(words []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	url := flags.String("url", "", "what is asked")
	rate := flags.Float64("rate", 200, "questions a second")
	duration := flags.Duration("duration", 0, "how long; 0: until SIGTERM")
	timeout := flags.Duration("timeout", 5*time.Second, "of one question")
	fresh := flags.Bool("fresh", false, "a connection for each question")
	report := flags.Duration("report", 0, "how often a line of progress is printed")
	out := flags.String("out", "", "file for the summary, too")
	flags.Parse(words)
	if *url == "" || *rate <= 0 {
		return errors.New("load: want -url and a rate above 0")
	}

	client := &http.Client{Timeout: *timeout, Transport: &http.Transport{DisableKeepAlives: *fresh, MaxIdleConnsPerHost: 256, MaxConnsPerHost: 0}}
	var lock sync.Mutex
	var under sync.WaitGroup
	found := summary{Failures: []failure{}}
	latencies := []time.Duration{}
	slots := make(chan struct{}, 1024)
	one := func() {
		defer under.Done()
		defer func() { <-slots }()
		from := time.Now()
		status, size, err := drain(client, *url)
		took := time.Since(from)
		if err == nil && (status < 200 || status > 299) {
			err = fmt.Errorf("status %d", status)
		}
		lock.Lock()
		defer lock.Unlock()
		found.Requests++
		found.Bytes += size
		latencies = append(latencies, took)
		if err != nil {
			found.Errors++
			if len(found.Failures) < errorsKept {
				found.Failures = append(found.Failures, failure{from.UnixMilli(), err.Error()})
			}
		}
	}

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	var over <-chan time.Time
	if *duration > 0 {
		over = time.After(*duration)
	}
	var progress <-chan time.Time
	if *report > 0 {
		progress = time.Tick(*report)
	}
	began := time.Now()
	next := began
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-over:
			running = false
		case <-progress:
			lock.Lock()
			fmt.Printf("{\"requests\":%d,\"errors\":%d}\n", found.Requests, found.Errors)
			lock.Unlock()
		case <-time.After(time.Until(next)):
			next = next.Add(time.Duration(float64(time.Second) / *rate))
			select {
			case slots <- struct{}{}:
				under.Add(1)
				go one()
			default:
				found.Skipped++
			}
		}
	}
	found.Seconds = time.Since(began).Seconds()
	under.Wait()
	found.LatencyMs = percentiles(latencies)
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	if *out != "" {
		if err := os.WriteFile(*out, text, 0o644); err != nil {
			return err
		}
	}
	fmt.Println(string(text))
	return nil
}

func drain(client *http.Client, url string) (int, int64, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	size, err := io.Copy(io.Discard, response.Body)
	return response.StatusCode, size, err
}

func percentiles(latencies []time.Duration) map[string]float64 {
	found := map[string]float64{}
	if len(latencies) == 0 {
		return found
	}
	slices.Sort(latencies)
	for name, share := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1} {
		index := min(int(share*float64(len(latencies))), len(latencies)-1)
		found[name] = float64(latencies[index].Microseconds()) / 1000
	}
	return found
}
