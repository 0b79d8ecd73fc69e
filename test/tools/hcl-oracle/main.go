// The reference implementation of HCL2, for comparison: one JSON string a line in, one JSON answer a line out, {"value": …} or
// {"error": "…"}. Development only: answers are recorded in test/unit/jobspec/hcl/*.json.
// Functions the reference takes from elsewhere (hashes, base64, CIDR, UUID, files) are tested against known values instead.
//
//	go run . expression < lines      the value of an expression
//	go run . file < lines            a file's attributes and blocks: {"attributes": {…}, "blocks": [{"type", "labels", "body"}]}
//	go run . format < lines          a file as hclfmt writes it
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

func functions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "can": tryfunc.CanFunc, "ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc, "chunklist": stdlib.ChunklistFunc,
		"coalescelist": stdlib.CoalesceListFunc,
		"compact":      stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
		"convert": typeexpr.ConvertFunc, "csvdecode": stdlib.CSVDecodeFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "floor": stdlib.FloorFunc,
		"format": stdlib.FormatFunc, "formatdate": stdlib.FormatDateFunc, "formatlist": stdlib.FormatListFunc,
		"indent": stdlib.IndentFunc, "index": stdlib.IndexFunc, "join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc, "length": stdlib.LengthFunc, "log": stdlib.LogFunc,
		"lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc,
		"pow": stdlib.PowFunc, "range": stdlib.RangeFunc,
		"regex_replace": stdlib.RegexReplaceFunc, "replace": stdlib.ReplaceFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc,
		"setproduct":      stdlib.SetProductFunc, "setunion": stdlib.SetUnionFunc, "signum": stdlib.SignumFunc, "slice": stdlib.SliceFunc,
		"sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "strlen": stdlib.StrlenFunc, "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "timeadd": stdlib.TimeAddFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc,
		"try": tryfunc.TryFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc, "yamldecode": ctyyaml.YAMLDecodeFunc,
		"yamlencode": ctyyaml.YAMLEncodeFunc, "zipmap": stdlib.ZipmapFunc,
	}
}

func answer(text string, context *hcl.EvalContext) (result map[string]any) {
	defer func() {
		if thrown := recover(); thrown != nil {
			result = map[string]any{"error": fmt.Sprint(thrown)}
		}
	}()
	expression, diagnostics := hclsyntax.ParseExpression([]byte(text), "expression", hcl.InitialPos)
	if diagnostics.HasErrors() {
		return map[string]any{"error": diagnostics.Error()}
	}
	value, diagnostics := expression.Value(context)
	if diagnostics.HasErrors() {
		return map[string]any{"error": diagnostics.Error()}
	}
	encoded, err := ctyjson.Marshal(value, value.Type())
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"value": json.RawMessage(encoded)}
}

func file(text string, context *hcl.EvalContext) (result map[string]any) {
	defer func() {
		if thrown := recover(); thrown != nil {
			result = map[string]any{"error": fmt.Sprint(thrown)}
		}
	}()
	parsed, diagnostics := hclsyntax.ParseConfig([]byte(text), "file", hcl.InitialPos)
	if diagnostics.HasErrors() {
		return map[string]any{"error": diagnostics.Error()}
	}
	value, err := body(parsed.Body.(*hclsyntax.Body), context)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"value": value}
}

func body(from *hclsyntax.Body, context *hcl.EvalContext) (map[string]any, error) {
	attributes := map[string]any{}
	for name, attribute := range from.Attributes {
		value, diagnostics := attribute.Expr.Value(context)
		if diagnostics.HasErrors() {
			return nil, diagnostics
		}
		encoded, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			return nil, err
		}
		attributes[name] = json.RawMessage(encoded)
	}
	blocks := []any{}
	for _, block := range from.Blocks {
		inner, err := body(block.Body, context)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, map[string]any{"type": block.Type, "labels": append([]string{}, block.Labels...), "body": inner})
	}
	return map[string]any{"attributes": attributes, "blocks": blocks}, nil
}

func format(text string) map[string]any {
	if _, diagnostics := hclsyntax.ParseConfig([]byte(text), "file", hcl.InitialPos); diagnostics.HasErrors() {
		return map[string]any{"error": diagnostics.Error()}
	}
	return map[string]any{"value": string(hclwrite.Format([]byte(text)))}
}

func main() {
	mode := "expression"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	context := &hcl.EvalContext{
		Functions: functions(),
		Variables: map[string]cty.Value{
			"var": cty.ObjectVal(map[string]cty.Value{
				"name": cty.StringVal("web"), "count": cty.NumberIntVal(3), "yes": cty.True, "nothing": cty.NullVal(cty.String),
				"list": cty.ListVal([]cty.Value{cty.StringVal("a"), cty.StringVal("b"), cty.StringVal("c")}),
				"map":  cty.MapVal(map[string]cty.Value{"x": cty.StringVal("1"), "y": cty.StringVal("2")}),
				"objects": cty.TupleVal([]cty.Value{
					cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("i1"), "ports": cty.TupleVal([]cty.Value{cty.NumberIntVal(80)})}),
					cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("i2"), "ports": cty.TupleVal([]cty.Value{cty.NumberIntVal(81)})}),
				}),
			}),
		},
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			fmt.Fprintln(os.Stderr, "not a JSON string:", lines.Text())
			os.Exit(1)
		}
		var said map[string]any
		switch mode {
		case "file":
			said = file(text, context)
		case "format":
			said = format(text)
		default:
			said = answer(text, context)
		}
		if err := out.Encode(said); err != nil {
			os.Exit(1)
		}
	}
}
