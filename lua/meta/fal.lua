---@meta fal
-- What editors (LuaLS) and readers need to know of the module. A spec checks
-- that every function registered in C, and every public name, is here.
-- Durations are seconds, sizes bytes, strings bytes (text is UTF-8).

---@class fal
---@field version string
---@field null lightuserdata          JSON null; the same value as cjson.null
---@field empty_array table           an empty JSON array; refuses writes
local fal = {}

---@alias fal.Code
---| "network"|"timeout"|"canceled"|"auth"|"validation"|"http"|"model"
---| "protocol"|"toobig"|"file"|"budget"|"expired"|"memory"

---What went wrong, when the world failed. `tostring(err)` is for people.
---@class fal.Error
---@field code fal.Code
---@field message string
---@field status? integer             HTTP status, when the server answered
---@field type? string                fal's error type
---@field detail? string|table        the server's, as sent
---@field body? string                the whole answer
---@field request_id? string
---@field endpoint_id? string
---@field retryable boolean           trying again may help
---@field hint? string                the way out

---What is known of a call besides its result.
---@class fal.Meta
---@field request_id? string
---@field endpoint_id string
---@field status integer
---@field headers table<string, string>  by lower-case name; made when asked for
---@field billable_units? number      x-fal-billable-units, may be fractional
---@field seconds number
---@field attempts integer            HTTP exchanges made

---@class fal.Config
---@field credentials? string|fun(): string   "id:secret"; a function is asked for each call.
---                                   Default: FAL_KEY, or FAL_KEY_ID with FAL_KEY_SECRET
---@field base_url? string            one address for every role. Default: FAL_BASE_URL
---@field hosts? { run?: string, queue?: string, rest?: string, cdn?: string, realtime?: string }
---@field timeout? number             for each call; none by default
---@field start_timeout? number       how long a call may wait for a runner
---@field headers? table<string, string>
---@field user_agent? string
---@field ca_file? string             PEM bundle. Default: SSL_CERT_FILE, the system's
---@field http_proxy? string          Default: HTTPS_PROXY and friends
---@field max_connections? integer    to one host
---@field max_response? integer       ceiling for one answer; 256 MiB

---@class fal.RunOptions
---@field input? table
---@field timeout? number             negative: none
---@field start_timeout? number       X-Fal-Request-Timeout
---@field hint? string                X-Fal-Runner-Hint
---@field priority? "normal"|"low"    X-Fal-Queue-Priority
---@field headers? table<string, string>
---@field path? string                appended to the endpoint id
---@field method? string              POST by default; GET sends input as a query
---@field storage_settings? { expires_in?: "never"|"immediate"|"1h"|"1d"|"7d"|"30d"|"1y"|integer, initial_acl?: table }

---@class fal.Client
local Client = {}

---Sets up the default client, the one behind fal.run and friends.
---@param options? fal.Config
---@return fal.Client
function fal.config(options) end

---An independent client with the same methods.
---@param options? fal.Config
---@return fal.Client
function fal.client(options) end

---Runs an endpoint and waits for its result: blocks, or yields in a task.
---@param id string   such as "fal-ai/flux/dev"
---@param options? fal.RunOptions
---@return table|string|nil result
---@return fal.Meta|fal.Error
function fal.run(id, options) end

---@param id string
---@param options? fal.RunOptions
function Client:run(id, options) end

---Streams a URL (or decodes a data: URI) to a temporary file and renames it.
---@param file string|{ url: string }
---@param path string   missing folders are made
---@param options? { overwrite?: boolean, timeout?: number, max_bytes?: integer }  overwrite is true by default
---@return string? path
---@return { bytes: integer, content_type?: string, seconds: number, headers: table }|fal.Error
function fal.download(file, path, options) end

---@param file string|{ url: string }
---@param path string
---@param options? table
function Client:download(file, path, options) end

---@class fal.SaveOptions          where the result itself does not know better
---@field overwrite? boolean
---@field index? integer              number of the first file, 1 by default
---@field prompt? string
---@field seed? integer|string
---@field model? string
---@field request_id? string
---@field meta? fal.Meta
---@field timeout? number             for each file

---Saves every file of a result. Fields: {slug} {prompt} {seed} {index} {model}
---{request_id} {hash} {width} {height} {ext} {date}. PNGs get prompt, seed,
---model, input and request id as text chunks, pixels untouched.
---@param result table
---@param template string   such as "out/{slug}-{seed}.{ext}"
---@param options? fal.SaveOptions
---@return string[]? paths
---@return fal.Error?
function fal.save(result, template, options) end

---@param result table
---@param template string
---@param options? table
function Client:save(result, template, options) end

---No further calls with this client; those in flight end by themselves.
function Client:close() end

---Its arguments; raises the second one when the first is nil or false.
---@generic T
---@param value T
---@param err any
---@return T
function fal.check(value, err, ...) end

---Hex digest: "md5", "sha1", "sha256" or "sha512".
---@param name string
---@param bytes string
---@return string
function fal.digest(name, bytes) end

---Marks a table as a JSON array (also when it is empty) and returns it.
---@param t table
---@return table
function fal.array(t) end


---- Tasks and foreign loops ----

---@class fal.Task
---@field status "running"|"done"|"failed"|"canceled"
local Task = {}

---Starts f(...) as a task; it runs at once until it first waits.
---@param f function
---@return fal.Task
function fal.async(f, ...) end

---What the function returned, once it has; raises what it raised. On PUC Lua
---5.1 a task cannot wait inside pcall.
---@return any ...
function Task:await() end

---Ends what the task waits for: that call returns nil and a "canceled" error.
---A canceled task that starts another call is ended there.
function Task:cancel() end

---Waits for tasks, or runs functions at most `limit` at once. In order:
---{ ok = true, result, meta, result =, meta = } or { ok = false, nil, err, err = }.
---@param list (fal.Task|function)[]
---@param options? { limit?: integer }
---@return table[]? outcomes
---@return fal.Error?
function fal.gather(list, options) end

---@param seconds number
---@return true?
---@return fal.Error?
function fal.sleep(seconds) end

---The engine's descriptor: readable when fal.step has work. nil where the
---platform has none; then call fal.step from a short timer.
---@return integer?
function fal.pollfd() end

function Client.pollfd() end

---Always "r"; with pollfd and timeout it lets cqueues poll a client.
---@return string
function fal.events() end

function Client.events() end

---Seconds until fal.step is due without the descriptor being readable; nil
---where the descriptor wakes for that too.
---@return number?
function fal.timeout() end

function Client.timeout() end

---Does what is due, waiting for work no longer than `seconds` (default 0).
---@param seconds? number
---@return integer pending   operations in flight
function fal.step(seconds) end

function Client.step(seconds) end

---@class fal.luv
local luv = {}

---require("fal.luv"): lets a libuv loop drive the engine (Neovim: vim.loop).
---@param uv table
---@return fun() detach
function luv.attach(uv) end

---@class fal.love
local love = {}

---require("fal.love"): once a frame, in love.update.
---@return integer pending
function love.update() end

---@class fal.cqueues
local cqueues = {}

---require("fal.cqueues"): keeps the controller going until all tasks ended.
---@param cq table
function cqueues.drain(cq) end


---- JSON ----

---@class fal.json
---@field null lightuserdata
---@field empty_array table
---@field array_mt table
fal.json = {}

---@param value any
---@param options? { pretty?: boolean, sorted?: boolean }
---@return string?
---@return fal.Error?
function fal.json.encode(value, options) end

---@param text string
---@param options? { max_depth?: integer }
---@return any
---@return fal.Error?
function fal.json.decode(text, options) end

---@param t table
---@return table
function fal.json.array(t) end


---- Pictures ----

---A picture: 8 bits a channel; (0, 0) is the top left pixel.
---@class fal.Image
---@field width integer
---@field height integer
---@field channels integer            1 gray, 2 gray+alpha, 3 RGB, 4 RGBA
---@field text table<string, string>  text chunks; assign to change them
local Image = {}

---@alias fal.Color string|number|integer[]  "#rgb", "#rrggbb", "#rrggbbaa", a gray 0-255, or {r, g, b[, a]}

fal.image = {}

---@param width integer
---@param height integer
---@param color? fal.Color   transparent without one
---@return fal.Image?
---@return fal.Error?
function fal.image.new(width, height, color) end

---@param path_or_bytes string
---@param limits? { max_pixels?: integer, max_bytes?: integer, max_text?: integer }
---@return fal.Image?
---@return fal.Error?
function fal.image.open(path_or_bytes, limits) end

---@param bytes string
---@param limits? table
---@return fal.Image?
---@return fal.Error?
function fal.image.decode(bytes, limits) end

---Type, size and text of a picture, without decoding it. PNG, JPEG, WebP, GIF.
---@param path_or_bytes string
---@return { type: string, width: integer, height: integer, text?: table }?
---@return fal.Error?
function fal.image.info(path_or_bytes) end

---The PNG file as bytes.
---@param options? { level?: integer, text?: table<string, string> }
---@return string?
---@return fal.Error?
function Image:png(options) end

---@param path string
---@param options? { level?: integer, text?: table<string, string>, overwrite?: boolean }
---@return string? path
---@return fal.Error?
function Image:save(path, options) end

---@return string
function Image:data_uri() end

---Reads a pixel, or sets it when a colour is given.
---@param x integer
---@param y integer
---@param color? fal.Color
---@return integer r, integer g, integer b, integer a
function Image:pixel(x, y, color) end

---@param x integer
---@param y integer
---@param width integer
---@param height integer
---@return fal.Image
function Image:crop(x, y, width, height) end

---Gives the pixels' memory back now.
function Image:close() end


---- Inside: what the module's Lua parts are written on. Not for users. ----

---@class fal.core
local core = {}

---@return string hex
function core.digest(name, bytes) end
---@return string text
function core.base64(bytes) end
---@return string? bytes
function core.unbase64(text) end
---Writes a file aside and renames it.
function core.write(path, bytes, overwrite) end
---@return string? bytes
---@return fal.Error?
function core.read(path, max) end
---A PNG with the text chunks { key, value, key, value... } set.
function core.retext(png, list) end
---Gives a table the class of fal.Error.
function core.error(fields) end
---@return boolean
function core.iserror(value) end
---true, or nil and why it is not an endpoint id.
function core.endpoint(id) end
---Seconds of the monotonic clock.
function core.now() end

---core.engine: new{max_connections, pollset}, client{...}
core.engine = {}
function core.engine.new(options) end
function core.engine.client(options) end

---@class fal.Engine
local Engine = {}
---@return fal.Op?, integer|fal.Error
function Engine:run(client, id, options, credentials) end
---@return fal.Op?, integer|fal.Error
function Engine:download(client, url, path, options) end
---@return fal.Op?, integer|fal.Error
function Engine:timer(seconds) end
function Engine:step(seconds) end
---@return integer? id of an operation that is done
function Engine:next() end
function Engine:pollfd() end
function Engine:timeout() end
function Engine:pending() end
function Engine:wake() end
function Engine:max_connections(n) end
function Engine:close() end

---@class fal.ClientBox
local Box = {}
function Box:host(role) end
function Box:has_key() end
function Box:close() end

---@class fal.Op
local Op = {}
function Op:done() end
function Op:cancel() end
---The decoded result and its meta; once.
function Op:result() end
---The end of a download: its meta.
function Op:saved() end
function Op:close() end


---- Inside falua: what its Lua parts are written on. ----

---@class falua.host
local host = {}
---"fal 0.1.0, Lua 5.4.4, libcurl 7.88.1"
function host.versions() end
---Whether somebody types at us.
function host.isterminal() end
function host.setenv(name, value) end
---Whether Ctrl-C is an error that can be caught (at the prompt) or the end.
function host.catch(on) end
---The text of an error, with a traceback under FALUA_TRACE=1.
function host.message(err) end

---@class falua.term   the prompt, on libedit
local term = {}
function term.open(complete) end
function term.prompt(text) end
function term.hide() end
function term.show() end
---"line", text | "end" | "interrupt" | nil: what came first.
function term.wait(fd, seconds) end
function term.typed() end
function term.remember(line) end
function term.save(path, lines) end

---@class falua.server
local server = {}
---Starts a server inside this process: its URL, or nil and a text.
function server.start(options) end
---Runs a server until SIGTERM or SIGINT.
function server.serve(options) end

---@class falua.serve.core   what endpoints of the server are written on
local serve = {}
---A preview picture: a procedural drawing, the same for the same request.
---@param request { prompt: string, seed: integer, width: integer, height: integer, steps?: integer, model?: string }
---@return fal.Image?
---@return fal.Error?
function serve.paint(request) end
---Keeps bytes as a file: the path of its URL.
function serve.put(bytes, extension) end
function serve.log(text) end
---A seed from the system's randomness.
function serve.random() end
---Where a JSON text is broken: position, reason.
function serve.flaw(text) end

return fal
