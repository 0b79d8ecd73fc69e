// Answers what Go's text/template answers, for comparison: one JSON object a line in, {"text", "data", "left", "right", "missingkey"},
// one JSON answer a line out, {"out": base64} or {"error": "…", "kind": "syntax" | "failed"}. Data is JSON; an object with one key that
// begins with "$" is a value of a type that JSON lacks (decode). Development only: recorded answers lie in test/unit/template/go/.
//
//	go run . < questions
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"text/template"
)

type question struct {
	Text       string          `json:"text"`
	Data       json.RawMessage `json:"data"`
	Left       string          `json:"left"`
	Right      string          `json:"right"`
	MissingKey string          `json:"missingkey"`
}

type Service struct {
	Name string
	Port int
	Tags []string
	Meta any
}

func (s Service) Greet(word string) string { return word + ", " + s.Name }

type Secret struct{ Hidden string }

func (s Secret) String() string { return "<" + s.Hidden + ">" }

var functions = template.FuncMap{
	"double":  func(n int) int { return 2 * n },
	"upper":   strings.ToUpper,
	"joinAll": func(separator string, parts ...string) string { return strings.Join(parts, separator) },
	"fail":    func(text string) (string, error) { return "", errors.New("failed as asked") },
	"sum64":   func(a, b int64) int64 { return a + b },
	"half":    func(f float64) float64 { return f / 2 },
	"flag":    func(b bool) string { return map[bool]string{true: "on", false: "off"}[b] },
	"nothing": func() any { return nil },
	"list":    func(items ...any) []any { return items },
	"raw":     func(text string) []byte { return []byte(text) },
	"number":  func(text string) json.Number { return json.Number(text) },
	"adder":   func() func(int, int) int { return func(a, b int) int { return a + b } },
	"size":    func(m map[string]any) int { return len(m) },
	"same":    func(value any) any { return value },
}

func whole(raw any) int64 {
	number, err := strconv.ParseInt(raw.(string), 10, 64)
	if err != nil {
		panic(err)
	}
	return number
}

func stringsOf(raw any) []string {
	list := []string{}
	for _, each := range raw.([]any) {
		list = append(list, each.(string))
	}
	return list
}

func service(raw any) Service {
	fields := raw.(map[string]any)
	return Service{fields["Name"].(string), int(whole(fields["Port"])), stringsOf(fields["Tags"]), decode(fields["Meta"])}
}

func typed(name string, raw any) any {
	switch name {
	case "$int":
		return int(whole(raw))
	case "$int64":
		return whole(raw)
	case "$uint8":
		return uint8(whole(raw))
	case "$uint64":
		number, _ := strconv.ParseUint(raw.(string), 10, 64)
		return number
	case "$float":
		return map[string]float64{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1), "-0": math.Copysign(0, -1)}[raw.(string)]
	case "$number":
		return json.Number(raw.(string))
	case "$bytes":
		text, _ := base64.StdEncoding.DecodeString(raw.(string))
		return text
	case "$binary":
		text, _ := base64.StdEncoding.DecodeString(raw.(string))
		return string(text)
	case "$strings":
		return stringsOf(raw)
	case "$ints":
		list := []int{}
		for _, each := range stringsOf(raw) {
			list = append(list, int(whole(each)))
		}
		return list
	case "$smap":
		result := map[string]string{}
		for key, value := range raw.(map[string]any) {
			result[key] = value.(string)
		}
		return result
	case "$imap":
		result := map[int]any{}
		for key, value := range raw.(map[string]any) {
			result[int(whole(key))] = decode(value)
		}
		return result
	case "$service":
		return service(raw)
	case "$pservice":
		pointed := service(raw)
		return &pointed
	case "$services":
		list := []Service{}
		for _, each := range raw.([]any) {
			list = append(list, service(each))
		}
		return list
	case "$secret":
		return Secret{raw.(string)}
	case "$func":
		return func(a, b int) int { return a + b }
	}
	panic("unknown type " + name)
}

func decode(raw any) any {
	switch value := raw.(type) {
	case map[string]any:
		result := map[string]any{}
		for key, each := range value {
			if len(value) == 1 && strings.HasPrefix(key, "$") {
				return typed(key, each)
			}
			result[key] = decode(each)
		}
		return result
	case []any:
		result := make([]any, 0, len(value))
		for _, each := range value {
			result = append(result, decode(each))
		}
		return result
	}
	return raw
}

func answer(asked question) map[string]any {
	var raw any
	if len(asked.Data) > 0 {
		if err := json.Unmarshal(asked.Data, &raw); err != nil {
			return map[string]any{"error": err.Error(), "kind": "question"}
		}
	}
	created := template.New("t").Delims(asked.Left, asked.Right).Funcs(functions)
	if asked.MissingKey != "" {
		created = created.Option("missingkey=" + asked.MissingKey)
	}
	parsed, err := created.Parse(asked.Text)
	if err != nil {
		return map[string]any{"error": err.Error(), "kind": "syntax"}
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, decode(raw)); err != nil {
		return map[string]any{"error": err.Error(), "kind": "failed"}
	}
	return map[string]any{"out": out.Bytes()}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	encoder := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(fmt.Sprintf("%v: %s", err, lines.Bytes()))
		}
		if err := encoder.Encode(answer(asked)); err != nil {
			panic(err)
		}
	}
}
