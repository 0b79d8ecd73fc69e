module version-oracle

go 1.24

require github.com/hashicorp/go-version v1.7.0
