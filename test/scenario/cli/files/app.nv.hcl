path = "app/config"

items {
  user     = "me"
  password = "hunter2"
}
