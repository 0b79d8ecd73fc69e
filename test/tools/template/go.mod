module template-oracle

go 1.24
