// What Nomad's filter library says: reads questions {"datum": …, "expression": "…"} as lines of JSON, answers {"value": bool} or
// {"error": "…"} a line. The datum is a struct, as the objects Nomad filters are.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/go-bexpr"
)

type group struct {
	Name  string
	Count int
	Meta  map[string]string
}

type periodic struct {
	Enabled bool
	Spec    string
}

type datum struct {
	ID          string
	Type        string
	Priority    int
	Version     uint64
	Stop        bool
	Weight      float64
	Meta        map[string]string
	Counts      map[string]int
	Datacenters []string
	Numbers     []int
	TaskGroups  []*group
	Groups      map[string]group
	Periodic    *periodic
}

type question struct {
	Datum      datum  `json:"datum"`
	Expression string `json:"expression"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		value, err := evaluate(asked)
		if err != nil {
			_ = out.Encode(map[string]any{"error": err.Error()})
		} else {
			_ = out.Encode(map[string]any{"value": value})
		}
	}
}

func evaluate(asked question) (value bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	evaluator, err := bexpr.CreateEvaluator(asked.Expression)
	if err != nil {
		return false, err
	}
	return evaluator.Evaluate(asked.Datum)
}
