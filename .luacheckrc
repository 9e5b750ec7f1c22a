-- The module's own Lua runs on every Lua, the host's and the fault server on
-- 5.4, the rest where it is tried.
std = "max"
max_line_length = 120
exclude_files = { "build", "**/node_modules" }

files["lua/fal"] = { std = "min" }
files["lua/fal/tasks.lua"] = { std = "max" }   -- asks which Lua it is
files["lua/meta"] = { ignore = { "1", "2" }, max_line_length = false }
files["lua/falua"] = { std = "lua54", globals = { "arg", "fal" } }
files["spec"] = { std = "+busted", max_line_length = 130 }
files["spec/support/faultd.lua"] = { std = "lua54" }
files["spec/support/faults.lua"] = { std = "lua54" }
files["spec/support/faults_storage.lua"] = { std = "lua54" }
files["spec/support/faults_queue.lua"] = { std = "lua54" }
files["spec/interop/hosts/nvim.lua"] = { globals = { "vim" } }
files["spec/interop/hosts/love"] = { globals = { "love" } }
files["spec/interop/official/apps"] = { std = "lua54", globals = { "fal" } }
files["bench/post.lua"] = { globals = { "wrk", "done" } }   -- wrk's own names
