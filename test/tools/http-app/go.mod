module drover/test/tools/http-app

go 1.24
