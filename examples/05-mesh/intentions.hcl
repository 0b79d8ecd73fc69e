# Who may call the api; for `consul config write`.
Kind = "service-intentions"
Name = "api"

Sources = [
  {
    Name   = "dashboard"
    Action = "allow"
  },
]
