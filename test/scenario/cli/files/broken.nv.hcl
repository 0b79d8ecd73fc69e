path = "app/config"

items {
  password = hunter2
}
