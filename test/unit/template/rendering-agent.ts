/** A program that stands for an agent: it renders a template that does not end, and says on its output when the rendering has begun. */
import { createHostClock } from "#integrations/host";
import { createRenderer } from "#template";
import { requestOf } from "./rendering.ts";

const renderer = createRenderer({ clock: createHostClock({ keepAlive: true }) });
if (process.argv[2] === "rendering") await renderer.render(requestOf("first", "go"));
void renderer.render(requestOf("{{ range loop 100000 }}{{ range loop 100000 }}{{ end }}{{ end }}", "go"));
process.stdout.write("begun\n");
