# Lesson 10: a kind of node. Agents that have `node_pool = "night"` in their client block are of it.
node_pool "night" {
  description = "Machines that nobody sits at"
}
