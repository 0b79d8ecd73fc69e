# Lesson 10: two processes that live on whichever node takes them.
job "guest" {
  group "room" {
    count = 2

    migrate {
      max_parallel     = 2    # so many may be on the move at once, when their node is emptied (1 unless said)
      min_healthy_time = "1s" # so long one must run in its new place before it counts (10s unless said)
    }

    update {
      min_healthy_time = "1s"
    }

    task "stay" {
      driver       = "raw_exec"
      kill_timeout = "2s" # between asking it to go and making it go

      config {
        command = "sleep"
        args    = ["infinity"]
      }

      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
