name       = "team"
descripton = "Of one team"

meta {
  owner = somebody
}
