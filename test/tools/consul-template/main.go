// Renders templates with consul-template itself: a JSON question a line in ({text, environment, facts, errorOnMissingKey}), an answer a line out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	dep "github.com/hashicorp/consul-template/dependency"
	"github.com/hashicorp/consul-template/template"
	"github.com/hashicorp/consul/api"
	nomad "github.com/hashicorp/nomad/api"
)

type fact struct {
	System, Kind, Name string
	Options            map[string]string
	Value              json.RawMessage
}

type question struct {
	Text              string
	Environment       map[string]string
	Facts             []fact
	ErrorOnMissingKey bool
}

type answer struct {
	Value   *string `json:"value,omitempty"`
	Missing int     `json:"missing,omitempty"`
	Error   string  `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		_ = out.Encode(render(asked))
	}
}

func render(asked question) (said answer) {
	defer func() {
		if problem := recover(); problem != nil {
			said = answer{Error: fmt.Sprint(problem)}
		}
	}()
	brain := template.NewBrain()
	for _, each := range asked.Facts {
		remember(brain, each)
	}
	made, err := template.NewTemplate(&template.NewTemplateInput{
		Contents:         asked.Text,
		ErrMissingKey:    asked.ErrorOnMissingKey,
		FunctionDenylist: []string{"plugin", "writeToFile"},
	})
	if err != nil {
		return answer{Error: err.Error()}
	}
	env := []string{}
	for name, value := range asked.Environment {
		env = append(env, name+"="+value)
	}
	result, err := made.Execute(&template.ExecuteInput{Brain: brain, Env: env})
	if err != nil {
		return answer{Error: err.Error()}
	}
	text := string(result.Output)
	return answer{Value: &text, Missing: result.Missing.Len()}
}

func into[T any](raw json.RawMessage) T {
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		panic(err)
	}
	return value
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func remember(brain *template.Brain, f fact) {
	switch f.System + "." + f.Kind {
	case "consul.key":
		query := must(dep.NewKVGetQuery(f.Name))
		blocking := must(dep.NewKVGetQuery(f.Name))
		blocking.EnableBlocking()
		var value interface{}
		if len(f.Value) > 0 {
			value = into[string](f.Value)
		}
		brain.Remember(query, value)
		brain.Remember(blocking, value)
	case "consul.keys":
		brain.Remember(must(dep.NewKVListQuery(f.Name)), into[[]*dep.KeyPair](f.Value))
	case "consul.service":
		brain.Remember(must(dep.NewHealthServiceQuery(f.Name)), into[[]*dep.HealthService](f.Value))
	case "consul.services":
		brain.Remember(must(dep.NewCatalogServicesQuery("")), into[[]*dep.CatalogSnippet](f.Value))
	case "consul.nodes":
		brain.Remember(must(dep.NewCatalogNodesQuery("")), into[[]*dep.Node](f.Value))
	case "consul.node":
		brain.Remember(must(dep.NewCatalogNodeQuery(f.Name)), into[*dep.CatalogNode](f.Value))
	case "consul.datacenters":
		brain.Remember(must(dep.NewCatalogDatacentersQuery(false)), into[[]string](f.Value))
	case "consul.roots":
		brain.Remember(dep.NewConnectCAQuery(), into[[]*api.CARoot](f.Value))
	case "consul.leaf":
		brain.Remember(dep.NewConnectLeafQuery(f.Name), into[*api.LeafCert](f.Value))
	case "vault.secret":
		secret := into[*dep.Secret](f.Value)
		secret.Data, _ = numbers(secret.Data).(map[string]interface{})
		if len(f.Options) > 0 {
			data := map[string]interface{}{}
			for name, value := range f.Options {
				data[name] = value
			}
			brain.Remember(must(dep.NewVaultWriteQuery(f.Name, data)), secret)
			return
		}
		brain.Remember(must(dep.NewVaultReadQuery(f.Name)), secret)
	case "vault.secrets":
		brain.Remember(must(dep.NewVaultListQuery(f.Name)), into[[]string](f.Value))
	case "nomad.service":
		brain.Remember(must(dep.NewNomadServiceQuery(f.Name)), into[[]*dep.NomadService](f.Value))
	case "nomad.services":
		brain.Remember(must(dep.NewNomadServicesQuery("")), into[[]*dep.NomadServicesSnippet](f.Value))
	case "nomad.variable":
		query := must(dep.NewNVGetQuery("default", f.Name))
		blocking := must(dep.NewNVGetQuery("default", f.Name))
		blocking.EnableBlocking()
		if len(f.Value) == 0 {
			brain.Remember(query, nil)
			brain.Remember(blocking, nil)
			return
		}
		items := &dep.NewNomadVariable(into[*nomad.Variable](f.Value)).Items
		brain.Remember(query, items)
		brain.Remember(blocking, items)
	case "nomad.variables":
		metas := []*dep.NomadVarMeta{}
		for _, meta := range into[[]*nomad.VariableMetadata](f.Value) {
			metas = append(metas, dep.NewNomadVarMeta(meta))
		}
		brain.Remember(must(dep.NewNVListQuery("default", f.Name)), metas)
	default:
		panic("unknown fact " + strings.Join([]string{f.System, f.Kind}, "."))
	}
}

// numbers makes json.Numbers of {"#number": "1.50"}, as Vault's client has them.
func numbers(value interface{}) interface{} {
	switch typed := value.(type) {
	case map[string]interface{}:
		if spelled, ok := typed["#number"].(string); ok && len(typed) == 1 {
			return json.Number(spelled)
		}
		for name, each := range typed {
			typed[name] = numbers(each)
		}
	case []interface{}:
		for index, each := range typed {
			typed[index] = numbers(each)
		}
	}
	return value
}
