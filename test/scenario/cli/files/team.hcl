name        = "team"
description = "Of one team"

meta {
  owner = "somebody"
}

capabilities {
  disabled_task_drivers = ["exec"]
}
