// Answers what hashicorp/cronexpr answers, for comparison: one JSON object a line in, {"expression", "zone", "from" (unix seconds),
// "count"}, one JSON answer a line out, {"runs": [unix seconds]} or {"error": "…"}. Development only: its answers are recorded in
// test/unit/std/cron/oracle.json (record.ts).
//
//	go run . < questions
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/cronexpr"
)

type question struct {
	Expression string `json:"expression"`
	Zone       string `json:"zone"`
	From       int64  `json:"from"`
	Count      uint   `json:"count"`
}

func answer(asked question) (result map[string]any) {
	defer func() {
		if thrown := recover(); thrown != nil {
			result = map[string]any{"error": fmt.Sprint(thrown)}
		}
	}()
	expression, err := cronexpr.Parse(asked.Expression)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	location, err := time.LoadLocation(asked.Zone)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	runs := []int64{}
	for _, run := range expression.NextN(time.Unix(asked.From, 0).In(location), asked.Count) {
		runs = append(runs, run.Unix())
	}
	return map[string]any{"runs": runs}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		line, _ := json.Marshal(answer(asked))
		out.Write(append(line, '\n'))
	}
}
