// Compares versions with hashicorp/go-version, for comparison with ours: one JSON question a line in, one JSON answer a line out.
// Development only: answers are recorded in test/unit/scheduler/version.json.
//
//	{"constraint": ">= 1.2", "version": "1.3"}  →  {"value": true} or {"error": "…"}
//	{"left": "1.2", "right": "1.3-beta"}        →  {"value": -1}
//	{"semver": "1.2.3-rc.1"}                    →  {"value": "1.2.3-rc.1"}
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/hashicorp/go-version"
)

type question struct {
	Constraint *string `json:"constraint"`
	Version    string  `json:"version"`
	Left       *string `json:"left"`
	Right      string  `json:"right"`
	Semver     *string `json:"semver"`
}

func answer(asked question) (any, error) {
	if asked.Semver != nil {
		parsed, err := version.NewSemver(*asked.Semver)
		if err != nil {
			return nil, err
		}
		return parsed.String(), nil
	}
	if asked.Left != nil {
		left, err := version.NewVersion(*asked.Left)
		if err != nil {
			return nil, err
		}
		right, err := version.NewVersion(asked.Right)
		if err != nil {
			return nil, err
		}
		return left.Compare(right), nil
	}
	constraints, err := version.NewConstraint(*asked.Constraint)
	if err != nil {
		return nil, err
	}
	parsed, err := version.NewVersion(asked.Version)
	if err != nil {
		return nil, err
	}
	return constraints.Check(parsed), nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			os.Exit(1)
		}
		said := map[string]any{}
		if value, err := answer(asked); err != nil {
			said["error"] = err.Error()
		} else {
			said["value"] = value
		}
		if err := out.Encode(said); err != nil {
			os.Exit(1)
		}
	}
}
