namespace "default" {
  polcy = "read"
}
