package main

import (
	_ "github.com/hashicorp/consul-template/template"
	_ "github.com/hashicorp/consul-template/dependency"
)

func main() {}
