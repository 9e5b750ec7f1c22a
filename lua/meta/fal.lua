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
---@field retry_after? number         seconds that the server asks to wait before
---@field hint? string                the way out

---What is known of a call besides its result.
---@class fal.Meta
---@field request_id? string
---@field endpoint_id string
---@field status integer
---@field headers table<string, string>  by lower-case name; made when asked for
---@field billable_units? number      x-fal-billable-units, may be fractional
---@field cached? boolean            true: from the cache; nothing was sent or spent
---@field cache_error? fal.Error      why the result could not be kept
---@field cost fal.Cost              by the prices that are known here; fal.cost asks for those that are not
---@field seconds number
---@field attempts integer            HTTP exchanges made

---@class fal.Config
---@field credentials? string|fun(): string   "id:secret"; a function is asked for each attempt.
---                                   or "Bearer token". Default: FAL_KEY, or FAL_KEY_ID with
---                                   FAL_KEY_SECRET, or the login that `fal auth login` stored
---                                   (FAL_HOME_DIR; used until it expires, never refreshed)
---@field base_url? string            one address for every role. Default: FAL_BASE_URL
---@field hosts? { run?: string, queue?: string, rest?: string, cdn?: string, realtime?: string, api?: string }
---@field timeout? number             for each call; none by default
---@field start_timeout? number       how long a call may wait for a runner
---@field headers? table<string, string>
---@field user_agent? string
---@field ca_file? string             PEM bundle. Default: SSL_CERT_FILE, the system's
---@field http_proxy? string          Default: HTTPS_PROXY and friends
---@field max_connections? integer    to one host
---@field max_response? integer       ceiling for one answer; 256 MiB
---@field proxy_url? string           a proxy of your own that adds the key: calls go there, with
---                                   their address in x-fal-target-url
---@field retry? fal.Retry|false      false: one attempt of everything
---@field journal? string             path of a file that gets the id of every submitted request
---@field budget? number|string      what calls of this client may cost, in USD: the call that would pass it is
---                                   not made (code "budget"); nor is one whose price is not known
---@field prices? string|table        a file of prices, or { [id] = 0.025, [id] = { unit_price =, unit = } }, in
---                                   place of the platform's. Default: FAL_PRICES
---@field cache? string|fal.CacheOptions|fal.CacheStore   a folder: calls made before are answered from it
---@field on_request? fun(request: fal.RequestInfo)     before each call
---@field on_response? fun(response: fal.ResponseInfo)  after each attempt

---How often a call that failed is made again. What may have been paid for is
---repeated only when it provably did not arrive. Retry-After is waited for.
---@class fal.Retry
---@field max? integer                attempts after the first; 3
---@field base_delay? number          doubled for each, then a random part of it; 0.5
---@field max_delay? number           30

---@class fal.RequestInfo
---@field endpoint_id string
---@field call "run"|"submit"|"subscribe"|"stream"|"status"|"result"|"cancel"
---@field input? table
---@field request_id? string          of status, result, cancel

---@class fal.ResponseInfo
---@field endpoint_id string
---@field attempt integer
---@field status? integer             nil: there was no answer
---@field code? fal.Code              when it failed
---@field delay? number               seconds until the next attempt; nil: there is none

---@class fal.RunOptions
---@field input? table
---@field timeout? number             negative: none
---@field start_timeout? number       X-Fal-Request-Timeout
---@field hint? string                X-Fal-Runner-Hint
---@field priority? "normal"|"low"    X-Fal-Queue-Priority
---@field headers? table<string, string>
---@field path? string                appended to the endpoint id
---@field method? string              POST by default; GET sends input as a query
---@field fresh? boolean              does not look into the cache; what comes is kept there
---@field storage_settings? { expires_in?: "never"|"immediate"|"1h"|"1d"|"7d"|"30d"|"1y"|integer, initial_acl?: table }

---@class fal.Client
---@field storage fal.Storage
---@field models table                the functions of fal.models
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


---- The queue ----

---@class fal.LogLine
---@field message string
---@field timestamp? string
---@field level? string
---@field source? string

---@class fal.Status
---@field status "IN_QUEUE"|"IN_PROGRESS"|"COMPLETED"
---@field request_id? string
---@field queue_position? integer     while IN_QUEUE
---@field logs? fal.LogLine[]         of a subscription or an iterator: the new ones
---@field metrics? table              when COMPLETED
---@field error? string               COMPLETED, but not well
---@field error_type? string

---A status, and with the last one, which is COMPLETED, how it ended.
---@class fal.Event: fal.Status
---@field result? table|string
---@field meta? fal.Meta
---@field err? fal.Error

---@class fal.SubmitOptions: fal.RunOptions
---@field webhook_url? string

---@class fal.WaitOptions
---@field timeout? number             for the wait; the request goes on
---@field mode? "streaming"|"polling"
---@field poll_interval? number       0.5; 0.1 is the least that is used
---@field idle_timeout? number        seconds without a sign of life after which a status stream is given up for polling; 45

---@class fal.SubscribeOptions: fal.SubmitOptions
---@field logs? boolean
---@field mode? "streaming"|"polling"  polling by default
---@field poll_interval? number
---@field idle_timeout? number
---@field on_enqueue? fun(request_id: string)
---@field on_queue_update? fun(status: fal.Status)   in the caller's coroutine; may call

---Submits, follows, fetches. One deadline (`timeout`) covers all of it: when it
---passes, and when its task is canceled, the request is canceled at the server
---unless it has completed; `err.request_id` is set.
---@param id string
---@param options? fal.SubscribeOptions
---@return table|string|nil result
---@return fal.Meta|fal.Error
function fal.subscribe(id, options) end

---@param id string
---@param options? fal.SubscribeOptions
function Client:subscribe(id, options) end

---`for event in fal.run_iterator(id, {...}) do`: each change, the last event
---COMPLETED with `result` and `meta`, or `err`. Follows the status stream unless
---mode is "polling". An iterator that is collected before its end gives the
---request up. In a task on PUC Lua 5.1 call it instead: no `for` can yield there.
---@param id string
---@param options? fal.SubscribeOptions
---@return fun(): fal.Event?
function fal.run_iterator(id, options) end

---@param id string
---@param options? fal.SubscribeOptions
function Client:run_iterator(id, options) end

---A submitted request. It can be made again anywhere from its two ids.
---@class fal.Handle
---@field request_id string
---@field endpoint_id string
---@field status_url? string          as the queue told them
---@field response_url? string
---@field cancel_url? string
---@field queue_position? integer
local Handle = {}

---@param options? { logs?: boolean, timeout?: number }
---@return fal.Status?
---@return fal.Error?
function Handle:status(options) end

---Waits for the result. Giving up leaves the request as it is.
---@param options? fal.WaitOptions
---@return table|string|nil result
---@return fal.Meta|fal.Error
function Handle:get(options) end

---@param options? fal.WaitOptions
---@return fun(): fal.Event?
function Handle:events(options) end

---@return table? answer
---@return fal.Error?
function Handle:cancel() end

---The queue's calls: functions, also of each client (`client.queue`).
fal.queue = {}

---@param id string
---@param options? fal.SubmitOptions
---@return fal.Handle?
---@return fal.Meta|fal.Error
function fal.queue.submit(id, options) end

---@param id string
---@param request_id string
---@return fal.Handle
function fal.queue.handle(id, request_id) end

---@param id string
---@param options { request_id: string, logs?: boolean, timeout?: number }
---@return fal.Status?
---@return fal.Meta|fal.Error
function fal.queue.status(id, options) end

---@param id string
---@param options { request_id: string, timeout?: number }
---@return table|string|nil result
---@return fal.Meta|fal.Error   code "expired": no such request, or its result is gone
function fal.queue.result(id, options) end

---@param id string
---@param options { request_id: string, timeout?: number }
---@return table? answer
---@return fal.Meta|fal.Error
function fal.queue.cancel(id, options) end

---Follows a request to its end, without the result.
---@param id string
---@param options { request_id: string, logs?: boolean, on_queue_update?: fun(status: fal.Status), timeout?: number, mode?: string, poll_interval?: number, idle_timeout?: number }
---@return fal.Status? last
---@return fal.Error?
function fal.queue.subscribe_to_status(id, options) end

---The same as a loop: `for status in fal.queue.stream_status(id, {request_id = ...}) do`
---@param id string
---@param options table   as for subscribe_to_status; mode "streaming" by default
---@return fun(): fal.Event?
function fal.queue.stream_status(id, options) end

---@class fal.Journal
local Journal = {}

---The requests that were submitted and whose result nobody has collected: a
---handle's get and events take them off.
---@return fal.Handle[]
function Journal:pending() end

fal.journal = {}

---Opens or begins a journal; its handles use the default client.
---@param path string
---@return fal.Journal?
---@return fal.Error?
function fal.journal.open(path) end


---- Streams of a model's own events ----

---@class fal.StreamOptions: fal.RunOptions
---@field idle_timeout? number        between two pieces; none by default

---`for event in stream do`: JSON decoded, other data as text; pieces of bytes
---when the model streams no events. Collecting it, or `<close>`, closes it. In a
---task on PUC Lua 5.1 call it instead: no `for` can yield there.
---@class fal.Stream
---@overload fun(): any
local Stream = {}

---Reads to the end: the last event and the meta.
---@return any last
---@return fal.Meta|fal.Error
function Stream:done() end

---Ends it and its connection.
function Stream:close() end

---POST to id/stream (or `path`). HTTP errors show with the first event asked
---for, and by done.
---@param id string
---@param options? fal.StreamOptions
---@return fal.Stream?
---@return fal.Error?
function fal.stream(id, options) end

---@param id string
---@param options? fal.StreamOptions
function Client:stream(id, options) end

---GET of a JSON document at a role's host, without a key.
---@param role "run"|"queue"|"rest"|"cdn"|"realtime"
---@param path string
---@param options? { timeout?: number }
---@return any value
---@return fal.Meta|fal.Error
function Client:get(role, path, options) end


---- Files ----

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

---@class fal.Lifecycle
---@field expires_in? "never"|"immediate"|"1h"|"1d"|"7d"|"30d"|"1y"|integer  seconds
---@field initial_acl? table          { default = "forbid", rules = {{ user = ..., decision = "allow" }} }

---@class fal.UploadOptions
---@field content_type? string        by default from the name, then the first bytes
---@field file_name? string
---@field lifecycle? fal.Lifecycle
---@field on_progress? fun(bytes: integer, total: integer)  in the caller's coroutine, 20 times a second at most
---@field timeout? number             for all of it
---@field multipart_threshold? integer  larger ones go in parts; 90 MiB
---@field part_size? integer          10 MiB
---@field parallel? integer           parts at once; 4
---@field repository? string|string[] in which order to try: "signed" (an address for each file, from the
---                                   REST host), "fal_v3" (the CDN, with a token that is kept until it
---                                   expires), "fal" (older: no ACL, no parts). Default: all three

---@class fal.UploadInfo
---@field bytes integer
---@field content_type string
---@field seconds number
---@field attempts integer            HTTP exchanges made to send it, those that failed too
---@field mtime? string               of the file that was sent

---Files to fal's storage. A file is read as it is sent, never whole; one that
---changes meanwhile is an error. Parts that fail are sent again by themselves.
---@class fal.Storage
fal.storage = {}

---@param bytes string
---@param options? fal.UploadOptions
---@return string? url
---@return fal.UploadInfo|fal.Error
function fal.storage.upload(bytes, options) end

---@param path string
---@param options? fal.UploadOptions
---@return string? url
---@return fal.UploadInfo|fal.Error
function fal.storage.upload_file(path, options) end

---A picture as a PNG. Also takes `level`, `text` (as Image:png) and `format`, which can be "png".
---@param image fal.Image
---@param options? fal.UploadOptions
---@return string? url
---@return fal.UploadInfo|fal.Error
function fal.storage.upload_image(image, options) end

---@class fal.File
---@field path string
---@field content_type? string

---A file here, as a value anywhere in an input: uploaded when the call is
---made, each content once for a client (for an hour, or half its lifetime).
---The input table stays as it is.
---@param path string
---@param options? { content_type?: string, lifecycle?: fal.Lifecycle, repository?: string|string[] }
---@return fal.File
function fal.file(path, options) end

---`data:TYPE;base64,...`. A fal.file is a file. A string is bytes when it
---begins like a known format, else a path when there is such a file, else
---bytes, which need a type. Text from strangers could name a file: check it.
---@param bytes_or_path string|fal.File
---@param content_type? string
---@return string?
---@return fal.Error?
function fal.data_uri(bytes_or_path, content_type) end

---@class fal.SaveOptions          where the result itself does not know better
---@field overwrite? boolean
---@field index? integer              number of the first file, 1 by default
---@field prompt? string
---@field seed? integer|string
---@field model? string
---@field request_id? string
---@field input? table
---@field meta? fal.Meta
---@field text? table<string, string> more text chunks for PNGs
---@field timeout? number             for each file

---Saves every file of a result. Fields: {slug} {prompt} {seed} {index} {model}
---{request_id} {hash} {width} {height} {ext} {date}. PNGs get what made them as
---text chunks, pixels untouched: prompt, negative_prompt, seed, model,
---request_id, cost, input, all of that as JSON in 'fal', and as Stable
---Diffusion's web UIs write it in 'parameters'. Other files are saved as they
---came.
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

---- Record and replay ----

---@class fal.Recorder
local Recorder = {}

---Ends it: calls go to the network again.
---@return true?
---@return fal.Error?   it could not be written
function Recorder:stop() end

---Records what calls of all clients come to (run, queue, subscribe, streams,
---realtime, storage, downloads), or plays it without a server. The file is JSON;
---what is large or no text is in files in a folder beside it; keys are in neither.
---Modes: "once" plays the file, or records it when it is not there; "none" only
---plays; "new" plays what it knows and records the rest; "all" records anew. A call
---that is not in the file is an error (code "protocol"). Tests with busted:
---`local taped = require "fal.busted" "spec/cassettes"`, then
---`it("...", taped("name", function () ... end))`; FAL_RECORD is their mode.
---@param path string
---@param mode? "once"|"none"|"new"|"all"
---@return fal.Recorder?
---@return fal.Error?
function fal.record(path, mode) end


---- Batches ----

---Rows of a file as an iterator; `rows.err` when it ended early. CSV and TSV have
---a header, name or name:type (string, integer, number, boolean, json, file);
---JSON Lines and JSON have objects, text files a prompt on each line.
---@class fal.Rows
---@overload fun(): table?, fal.Error?
---@field err? fal.Error
local Rows = {}

---From the start once more.
---@return fal.Rows?
---@return fal.Error?
function Rows:rewind() end
function Rows:close() end

---@param path string
---@param options? { format?: "csv"|"tsv"|"jsonl"|"json"|"txt", separator?: string }
---@return fal.Rows?
---@return fal.Error?
function fal.rows(path, options) end

---@class fal.BatchOptions
---@field endpoint string
---@field jobs fal.Rows|string|table[]|string[]|fun(): table?   rows, a file of them, inputs, prompts, or a function that gives one at a time
---@field out? string                 template for the files, as for fal.save; {index} is the job's number
---@field input? table                fields for every job that has none of its own
---@field map? fun(row: any, index: integer): table   makes the input of a row
---@field limit? integer              jobs at once; without it from 2 up, as 429 and the queue allow
---@field budget? number|string       in USD, for this batch with what its journal says was spent before
---@field journal? string             a file; with it a batch that was killed goes on where it was
---@field resume? boolean             false: makes every job, whatever the journal says
---@field retry_errors? boolean       makes jobs again that have failed
---@field dry_run? boolean            only tells what would be done and cost
---@field cache? string|fal.CacheOptions|fal.CacheStore   otherwise the client's
---@field fresh? boolean              does not look into the cache
---@field report? string|string[]     files for the report, by their end: .html, .json, .txt
---@field on_progress? fun(p: fal.BatchProgress)
---@field on_result? fun(result: any, meta: fal.Meta, job: table)   each result, its files on disk (job.files)
---@field timeout? number             for each job
---@field start_timeout? number
---@field priority? "normal"|"low"
---@field hint? string
---@field mode? "streaming"|"polling"
---@field poll_interval? number
---@field logs? boolean               log lines of the jobs for on_progress
---@field client? fal.Client          of fal.batch: instead of the default one

---What on_progress gets: one table, filled anew for each call.
---@class fal.BatchProgress
---@field event "start"|"submitted"|"status"|"log"|"done"|"cached"|"failed"|"skipped"|"pending"|"left"|"again"|"end"
---@field index? integer              of the job it is about; nil with "end"
---@field job? { index: integer, input: table, request_id?: string }
---@field status? string              with "status"
---@field position? integer           in the queue, with "status"
---@field log? string                 with "log"
---@field files? string[]             with "done", "cached", "skipped"
---@field err? fal.Error              with "failed", "pending", "again" (a 429: it comes once more, last)
---@field total integer               0: not known
---@field done integer
---@field failed integer
---@field skipped integer
---@field cached integer
---@field pending integer
---@field running integer
---@field width integer               how many may run now
---@field cost fal.CostSum            so far
---@field seconds number              since the batch began
---@field rate? number                jobs ended, a second
---@field eta? number                 seconds to the end
---@field stop fun()                  starts no more jobs; those that run end
---@field leave fun()                 the same, but what waits in the queue is canceled, and what runs is left to the next run

---Three sums that are never added up; `tostring` shows them.
---@class fal.CostSum
---@field exact fal.Decimal
---@field estimated fal.Decimal
---@field unknown integer             jobs

---What a batch came to; `tostring` tells it. total = done + failed + skipped +
---pending + left.
---@class fal.BatchReport
---@field endpoint string
---@field total integer
---@field done integer                by this run, those from the cache too
---@field cached integer              of them
---@field failed integer
---@field skipped integer             done by a former run
---@field pending integer             submitted, but not fetched: the next run does
---@field left integer                not begun
---@field stopped? fal.Error          why not: the budget, the key, the network
---@field cost fal.CostSum            of this run
---@field seconds number
---@field jobs fal.BatchRecord[]      by number; read from disk when it is asked for
local BatchReport = {}

---@class fal.BatchRecord
---@field index integer
---@field state "done"|"cached"|"failed"|"skipped"|"pending"
---@field files? string[]
---@field prompt? string              its beginning
---@field seed? integer
---@field request_id? string
---@field cost? string                "0.003"
---@field cost_kind? string
---@field seconds? number
---@field error? table                code, message...
---@field result? any                 when it had no files

---The records one at a time, as they ended.
---@return fun(): fal.BatchRecord?
function BatchReport:each() end
---@return string
function BatchReport:json() end
---A page with small pictures inside. folder: where it will be.
---@param folder? string
---@return string
function BatchReport:html(folder) end
---Writes it, as the name's end says: .html, .json, else text.
---@param path string
---@return string? path
---@return fal.Error?
function BatchReport:save(path) end

---Many jobs of one endpoint, their files on disk. With a journal each is paid
---once and none is lost, wherever the process is killed: started again, it skips
---what is done, fetches what was submitted, and looks among the platform's
---requests for what may have been. All rows are checked before the first call.
---What a job takes: endpoint and input, whatever its number; equal ones are
---counted. nil, err when nothing was begun, or its task was canceled.
---@param options fal.BatchOptions
---@return fal.BatchReport?
---@return fal.Error?
function fal.batch(options) end

---@param options fal.BatchOptions
function Client:batch(options) end


---- The cache ----

---With the option `cache`, fal.run and fal.subscribe answer a call that was made
---before from the folder, `meta.cached` is true then. Calls are the same when
---endpoint and input are; a fal.file counts by its content. An input without a
---seed gets the picture of last time. Files of a result are fetched at once and
---kept: fal.save and fal.download take them from there, their URLs stay as they
---were. Damaged entries are misses. Remove the folder to empty it.
---@class fal.CacheOptions
---@field dir? string
---@field store? fal.CacheStore
---@field ttl? number                 whole seconds after which an entry is a miss; none by default

---Where a cache keeps things; fal.cache.dir makes one of a folder. A store of
---your own (Redis, S3...) is a table with these functions. Keys are hex digests,
---names of files are the digest of the content and an extension.
---@class fal.CacheStore
---@field get fun(store: fal.CacheStore, key: string): string?
---@field put fun(store: fal.CacheStore, key: string, text: string): true?, fal.Error?
---@field temp fun(store: fal.CacheStore): string    a path for a file on its way into the store
---@field keep fun(store: fal.CacheStore, name: string, path: string): true?, fal.Error?   takes over the file at path
---@field file fun(store: fal.CacheStore, name: string): string?   the path of a kept file here

fal.cache = {}

---@param folder string   made when it is needed
---@return fal.CacheStore
function fal.cache.dir(folder) end


---- What calls cost ----

---An exact decimal number: + - * == < <= with others and with plain numbers.
---@class fal.Decimal
local Decimal = {}

---The nearest Lua number.
---@return number
function Decimal:number() end
---Rounded to so many places, a half away from zero.
---@param places integer
---@return fal.Decimal
function Decimal:round(places) end
---As text with at least so many places: "2.50".
---@param places integer
---@return string
function Decimal:fixed(places) end
---@return boolean
function Decimal:iszero() end

---`tostring` shows it: "$0.025", "about $0.025", "unknown".
---@class fal.Cost
---@field kind "exact"|"estimated"|"unknown"   exact: units that the server billed, at a price of today
---@field amount? fal.Decimal         nil when unknown
---@field currency? string
---@field units? fal.Decimal
---@field unit? string                "images", "megapixels", ...
---@field unit_price? fal.Decimal
---@field priced_at? integer          when the platform said so, Unix seconds
---@field why? fal.Error              of an unknown one

---@class fal.Price
---@field endpoint_id string
---@field unit_price fal.Decimal
---@field unit string
---@field currency string
---@field at? integer                 when the platform said so
---@field source "file"|"platform"

---What was spent, `tostring` as a table. The three kinds are never added up.
---@class fal.CostReport
---@field calls integer
---@field exact fal.Decimal           in USD
---@field estimated fal.Decimal
---@field unknown integer             calls of unknown cost
---@field models fal.CostRow[]        by endpoint

---@class fal.CostRow
---@field endpoint_id string
---@field calls integer
---@field failed integer              of them
---@field cached integer              answered from the cache, not among the calls
---@field units fal.Decimal
---@field unit? string
---@field unit_price? fal.Decimal
---@field priced_at? integer
---@field currency string
---@field exact fal.Decimal
---@field estimated fal.Decimal
---@field unknown integer

---What this process has spent. Prices that are not known are asked for and kept
---on disk for a day ($XDG_CACHE_HOME/fal) unless fetch is false.
---@param options? { fetch?: boolean }
---@return fal.CostReport
function fal.cost(options) end

---What is known of endpoints; also of each client (`client.models`).
fal.models = {}

---@param id string
---@return { endpoint_id: string, metadata: table }?
---@return fal.Error?
function fal.models.info(id) end

---The OpenAPI document, kept on disk for a day.
---@param id string
---@param options? { fresh?: boolean }
---@return table?
---@return fal.Error?
function fal.models.schema(id, options) end

---@param id string
---@return fal.Price?
---@return boolean|fal.Error   true: an old price, because nobody tells a newer one
function fal.models.price(id) end

---What a call with this input will cost: estimated, or unknown.
---@param id string
---@param input? table
---@return fal.Cost
function fal.models.estimate(id, input) end


---No further calls with this client; those in flight end by themselves.
function Client:close() end

---What fal delivers to the webhook of a request. Whoever has an account can
---have fal sign deliveries: act only on requests you submitted (`request_id`)
---or on your own `user_id`.
---@class fal.WebhookEvent
---@field request_id string
---@field gateway_request_id? string  another one when the platform tried again
---@field status "OK"|"ERROR"
---@field payload? table              what the result endpoint gives
---@field error? string               with status ERROR
---@field payload_error? string       why there is no payload
---@field user_id string              from the signed headers
---@field timestamp number            when it was signed, Unix seconds
---@field replayed? boolean           delivered before; only with allow_replay

---@class fal.WebhookOptions
---@field keys? string[]              Ed25519 keys by hand: 32 bytes each, or base64
---@field jwks? string|table          the same as a JWKS document
---@field fetch? fun(client: fal.Client): string|table|nil, fal.Error?   gets the JWKS document; by default from the rest host
---@field max_age? number             how long fetched keys are kept, 60 to 86400; a day
---@field tolerance? number           how far the timestamp may be off; 300
---@field allow_replay? boolean       give a delivery that came before, marked
---@field now? number                 Unix seconds instead of the clock

fal.webhook = {}

---Is this delivery from fal? Ed25519 over the ids, the timestamp and the raw
---body. Keys are fetched when first needed and when none fits, at most once a
---minute. Request ids are remembered while their delivery could be played
---again (the latest 10,000 of each client): `err.type` is "webhook_replayed".
---Other types: webhook_missing_header, webhook_bad_header,
---webhook_bad_timestamp, webhook_bad_signature, webhook_too_old,
---webhook_in_future, webhook_no_keys, webhook_no_match (all with code "auth"),
---webhook_body, webhook_jwks (code "protocol").
---@param headers table   { name = value or list } or a list of { name, value }; names in any case
---@param raw_body string   as received, before anything decodes it
---@param options? fal.WebhookOptions
---@return true?
---@return fal.WebhookEvent|fal.Error
function fal.webhook.verify(headers, raw_body, options) end

---@param headers table
---@param raw_body string
---@param options? fal.WebhookOptions
function Client:webhook_verify(headers, raw_body, options) end

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


---- Endpoints of a local server (falua serve --apps DIR) ----

---A field of an input. min and max are of a number, of a string's characters,
---of an array's length; above and below are exclusive; pattern is Lua's.
---@class fal.Field
---@field type? "string"|"integer"|"number"|"boolean"|"array"|"object"|"file"|"any"
---@field required? boolean
---@field default? any
---@field nullable? boolean
---@field min? number
---@field max? number
---@field above? number
---@field below? number
---@field multiple_of? number
---@field enum? (string|number)[]
---@field pattern? string
---@field items? fal.Field
---@field fields? table<string, fal.Field>
---@field title? string
---@field description? string
---@field examples? any[]
---@field order? number
---@field openapi? table

---@class fal.App
---@field id string
---@field input? table<string, fal.Field>   without it any object is taken
---@field output? table<string, fal.Field>   for its document only
---@field run fun(input: table, context: fal.Context): any, any
---@field stream? fun(input: table, context: fal.Context): any, any
---@field realtime? fun(input: table, context: fal.Context): any, any
---@field cancel? fun(context: fal.Context)
---@field units? number|fun(input: table, result: any): number   1, when nil
---@field limits? { time?: number, memory?: integer, concurrency?: integer }
---@field description? string
---@field title? string
---@field category? string
---@field thumbnail? string

---What an endpoint gets besides its input. Its functions take no self.
---@class fal.Context
---@field request_id string
---@field endpoint string
---@field kind "run"|"queue"|"stream"|"realtime"
---@field base_url string   what URLs of this server begin with, for its caller
---@field headers table<string, string>   the caller's x-fal-..., lower-case
---@field owner string   of the request, with --keys
---@field log fun(...)
---@field progress fun(fraction: number)
---@field emit fun(value: any): boolean   whether anybody streams
---@field canceled fun(): boolean
---@field image fun(picture_or_bytes: fal.Image|string, options?: { sync?: boolean, text?: table, level?: integer, name?: string, content_type?: string, width?: integer, height?: integer }): table?, fal.Error?
---@field file fun(bytes: string, options?: { name?: string, content_type?: string, sync?: boolean }): table?, fal.Error?
---@field fetch fun(url_or_value: any, options?: { max_bytes?: integer, timeout?: number }): string?, string|fal.Error
---@field open_image fun(value: any, loc: any, options?: { max_bytes?: integer, timeout?: number, max_pixels?: integer }): fal.Image?, table
---@field flaw fun(loc: any, type: string, msg: string, input?: any, ctx?: table): table
---@field fail fun(type_or_status: string|integer, message: any, options?: { loc?: any, input?: any, ctx?: table, retry?: boolean }): table
---@field run fun(id: string, options: table): any, any   another endpoint here
---@field client fun(): fal.Client   of this very server

---Makes an endpoint: only in a file that falua serve runs.
---@param id string   "owner/name"
---@return fal.App
function fal.app(id) end


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


---- Realtime and MessagePack ----

---@class fal.RealtimeOptions
---@field on_result? fun(result: any)  gets every result, in a task of the connection; instead of recv
---@field on_error? fun(err: fal.Error)  without it, an error in that task is the task's
---@field throttle_interval? number   seconds between messages: the first at once, then the newest; 0.128, 0: every one is sent
---@field max_buffering? integer      inputs the app keeps before it drops the oldest, 1 to 60
---@field token_expiration? number    of the tokens asked for; 120
---@field path? string                appended to the id; "/realtime"
---@field encode? fun(input: any): string?, any   bytes to send, and true when they are text; MessagePack by default
---@field decode? fun(bytes: string): any, any    of every message that is a result; MessagePack, for text JSON
---@field max_message? integer        ceiling for one message received; 16 MiB
---@field ping_interval? number       silence after which the server is asked for a sign of life; 25

---A realtime connection. Callable: `for result in conn do` ends when it is
---closed, or with an error (`conn.err`) unless there is on_error.
---@class fal.Connection
---@field code? integer               of the last close (RFC 6455): 1000, 1006 (cut)...
---@field reason? string
---@field err? fal.Error
local Connection = {}

fal.realtime = {}

---Opens nothing yet: the first send does, and one after the server closed it.
---@param id string
---@param options? fal.RealtimeOptions
---@return fal.Connection?
---@return fal.Error?
function fal.realtime.connect(id, options) end

---Sends an input, once the connection is open. Strings that are not UTF-8 and
---fal.bytes go as bytes.
---@param input any
---@return true?
---@return fal.Error?
function Connection:send(input) end

---The next result. nil and an error (code "timeout" after so many seconds), or
---nil alone: closed, by close() or by the server with code 1000.
---@param timeout? number
---@return any result
---@return fal.Error?
function Connection:recv(timeout) end

---Sends what still waits and closes, without waiting for the answer.
function Connection:close() end

---The same values as JSON has, and bytes; decoded bytes are strings.
fal.msgpack = {}

---@param value any
---@return string?
---@return fal.Error?
function fal.msgpack.encode(value) end

---@param bytes string
---@return any
---@return fal.Error?
function fal.msgpack.decode(bytes) end

---Marks a string to be sent as bytes although it is UTF-8.
---@param s string
---@return userdata
function fal.bytes(s) end


---- Pictures ----

---A picture: 8 bits a channel; (0, 0) is the top left pixel. A method that
---makes a picture leaves its own as it is; the new one has the texts of the
---old one. What takes long (some 10 ms) is done by another thread when there
---are tasks that may go on meanwhile: in a task the call yields, elsewhere it
---blocks. Colors are not premultiplied; where pixels are mixed, they count by
---their alpha.
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

---Reads a PNG of any kind: 8 bits a channel come of it. Gamma and color
---profiles are not applied. What is larger than the limits is refused before
---it is decoded: 100 million pixels, 512 MiB of memory (and of the file), 4 MiB
---of texts when nothing is said.
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
---@param limits? table
---@return { type: string, width: integer, height: integer, text?: table }?
---@return fal.Error?
function fal.image.info(path_or_bytes, limits) end

---@class fal.Made                     what made a picture, as far as it tells
---@field by "fal"|"texts"|"parameters" where that is written: JSON of ours, single texts, or a web UI's parameters
---@field model? string
---@field input? table                  of the call; inline data are named there, not kept
---@field prompt? string
---@field negative_prompt? string
---@field seed? integer|string
---@field request_id? string
---@field index? integer                which of the result's files it is
---@field cost? string
---@field software? string

---What made a picture: written there by fal.save, or by other tools.
---@param path_or_bytes string
---@param limits? table
---@return fal.Made?
---@return fal.Error?
function fal.image.made(path_or_bytes, limits) end

---A contact sheet: pictures in rows, each scaled to fit its cell (256 pixels
---square when nothing is said) and centered. Captions, in up to two lines, are
---strings or the name of a text that the pictures have, such as "prompt".
---@param images fal.Image[]
---@param options? { columns?: integer, cell?: integer|integer[], captions?: string[]|string, gap?: integer, caption_size?: number, background?: fal.Color, color?: fal.Color }
---@return fal.Image?
---@return fal.Error?
function fal.image.sheet(images, options) end

---The PNG file as bytes. Chunks of the file that the picture came from are in it
---again when they are safe to copy, or about color. 'level' is from 0 (stored)
---to 9 (smallest, slow); without it, fast.
---@param options? { level?: integer, text?: table<string, string> }
---@return string?
---@return fal.Error?
function Image:png(options) end

---@param path string
---@param options? { level?: integer, text?: table<string, string>, overwrite?: boolean }
---@return string? path
---@return fal.Error?
function Image:save(path, options) end

---@param options? { level?: integer, text?: table<string, string> }
---@return string?
---@return fal.Error?
function Image:data_uri(options) end

---Reads a pixel, or sets it (in this picture) when a color is given.
---@param x integer
---@param y integer
---@param color? fal.Color
---@return integer r, integer g, integer b, integer a
function Image:pixel(x, y, color) end

---To another size. Of width and height one may be nil: proportions stay.
---"auto" shrinks with Lanczos and enlarges with Mitchell, as ImageMagick does.
---@param width integer?
---@param height integer?
---@param options? { filter?: "auto"|"nearest"|"box"|"triangle"|"catmull"|"mitchell"|"lanczos" }
---@return fal.Image?
---@return fal.Error?
function Image:resize(width, height, options) end

---A part, all of it inside.
---@param x integer
---@param y integer
---@param width integer
---@param height integer
---@return fal.Image?
---@return fal.Error?
function Image:crop(x, y, width, height) end

---Room around it. Without a color: black, or nothing when there is alpha.
---@param sides integer|{ left?: integer, top?: integer, right?: integer, bottom?: integer }
---@param color? fal.Color
---@return fal.Image?
---@return fal.Error?
function Image:border(sides, color) end

---Room on two sides that gives it an aspect, width / height or "16:9".
---@param aspect number|string
---@param color? fal.Color
---@return fal.Image?
---@return fal.Error?
function Image:pad(aspect, color) end

---One channel, and alpha if there was one.
---@return fal.Image?
---@return fal.Error?
function Image:gray() end

---The complement of colors; alpha stays.
---@return fal.Image?
---@return fal.Error?
function Image:invert() end

---@param sigma number   of the Gaussian, in pixels, 0 to 1000
---@return fal.Image?
---@return fal.Error?
function Image:blur(sigma) end

---Canny's edges, white on black, with the thresholds of OpenCV (100 and 200
---when nothing is said): an edge passes 'high' somewhere and 'low' all along.
---'blur' smooths before, for what is noisy.
---@param options? { low?: number, high?: number, blur?: number }|number[]
---@return fal.Image?
---@return fal.Error?
function Image:canny(options) end

---Another picture on it, its top left at (x, y), wherever that is.
---@param top fal.Image
---@param x? integer
---@param y? integer
---@param options? { opacity?: number }
---@return fal.Image?
---@return fal.Error?
function Image:paste(top, x, y, options) end

---blend(top, mask): 'top' where the mask is white, mixed where it is gray; a
---number from 0 to 1 is a mask of one gray. blend(mask): nothing where the
---mask is black. All of one size.
---@param top fal.Image
---@param mask? fal.Image|number
---@return fal.Image?
---@return fal.Error?
function Image:blend(top, mask) end

---A mask of this picture's size: one channel, white is in. A function tells of
---each pixel; a table is a rectangle {x, y, width, height}, or with names, or
---another shape in that box. "flood": what is connected to (x, y) and of its
---color, within a tolerance.
---@param what (fun(x: integer, y: integer, r: integer, g: integer, b: integer, a: integer): boolean|number)|{ x?: number, y?: number, width?: number, height?: number, shape?: "rectangle"|"ellipse"|"flood", tolerance?: integer, feather?: number, invert?: boolean }|number[]
---@return fal.Image?
---@return fal.Error?
function Image:mask(what) end

---A color over what is connected to (x, y) and of its color.
---@param x integer
---@param y integer
---@param color fal.Color
---@param options? { tolerance?: integer }
---@return fal.Image?
---@return fal.Error?
function Image:flood(x, y, color, options) end

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
---Appends to a file, made when it is not there; on disk when it returns.
---@return true?
---@return fal.Error?
function core.append(path, bytes) end
---Renames a whole file, making missing folders.
---@return true?
---@return fal.Error?
function core.move(from, to, overwrite) end
---@return true?
---@return fal.Error?
function core.copy(from, to, overwrite) end
---Locks a file, made when it is not there, until the lock is closed or collected.
---@return userdata?
---@return fal.Error?   type "locked": another process has it
function core.lock(path) end
---What kind of picture a file is, and how large, from its first bytes.
---@return string? type
---@return integer|fal.Error width
---@return integer? height
function core.probe(head) end

---The first bytes of an ordinary file; never waits.
---@return string?
---@return fal.Error?
function core.engine.head(path, n) end
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

core.webhook = {}
---Ed25519 keys of 32 bytes each; raises when they are none, or more than 64.
function core.webhook.keys(list) end
---@return userdata? keys
---@return fal.Error?
function core.webhook.jwks(text) end
---A header that is missing is nil.
---@return true?
---@return fal.Error?
function core.webhook.verify(request_id, user_id, timestamp, signature, body, keys, now, tolerance) end

core.realtime = {}
---An operation, not yet connected.
---@return fal.core.Connection?, integer|fal.Error
function core.realtime.new(engine, client, id, options) end

---@class fal.core.Connection
local Socket = {}
function Socket:send(bytes, text) end
---The same with a value, as MessagePack.
function Socket:pack(value) end
---"open" | "message", value or (raw) bytes, is text | "error", err | "closed", code, reason
function Socket:event(raw) end
function Socket:open() end
---Whether it is open or on its way.
function Socket:alive() end
---News comes after so many seconds at the latest.
function Socket:wake_in(seconds) end
function Socket:needs_key() end
function Socket:give_key(credentials) end
---Closes it until the next message.
function Socket:reset(forget) end
---Sends what waits, says goodbye, and gives it up.
function Socket:hangup() end

---@class fal.Engine
local Engine = {}
---`tell`: each attempt is an "attempt" event. With credentials later attempts
---ask by a "key" event.
---@return fal.Op?, integer|fal.Error
function Engine:run(client, id, options, credentials, tell) end
---@return fal.Op?, integer|fal.Error
function Engine:submit(client, id, options, credentials, tell) end
---More options: request_id (follow that one), mode, poll_interval, idle_timeout,
---logs, statuses, no_result, keep (given up, the request goes on).
---@return fal.Op?, integer|fal.Error
function Engine:subscribe(client, id, options, credentials, tell) end
---@return fal.Op?, integer|fal.Error
function Engine:stream(client, id, options, credentials, tell) end
---@param what "status"|"result"|"cancel"
---@return fal.Op?, integer|fal.Error
function Engine:about(client, what, id, request_id, options, credentials, tell) end
---@return fal.Op?, integer|fal.Error
function Engine:get(client, role, path, credentials, timeout) end
---JSON text, with the key.
---@return fal.Op?, integer|fal.Error
function Engine:post(client, role, path, json, credentials, timeout) end
---@return fal.Op?, integer|fal.Error
function Engine:download(client, url, path, options) end

---An upload: its result has file_url, bytes, mtime. `what` has path or bytes, and the options above.
---@return userdata? op
---@return integer|fal.Error
function Engine:upload(client, _, what, credentials, tell) end

---A file's digest: its result has digest, bytes, mtime.
---@return userdata? op
---@return integer|fal.Error
function Engine:digest(name, path) end

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
---When its stored login expires (0: nobody knows); nil when it has none.
function Box:login() end
---The file or folder of the certificates it trusts.
function Box:certificates() end
---The text with KEY in place of the client's key.
function Box:scrub(text) end
function Box:close() end

---@class fal.Op
local Op = {}
function Op:done() end
function Op:cancel() end
---What is new: "status", "data", "bytes", "attempt", "key"..., its value
---(decoded), flags (1 with the first status: the answer to the submit).
---@return string? kind, any value, integer? flags
function Op:event() end
---The answer to a "key" event.
function Op:give_key(credentials) end
---The decoded result and its meta; once.
function Op:result() end
---The end of a download: its meta.
function Op:saved() end
---The bytes of a download that became no file.
---@return string?
function Op:kept() end
---`result` and `close` in one; whoever calls it has the only reference.
function Op:take() end
---An upload that failed: may another repository be asked?
function Op:refused() end
function Op:close() end


---- Inside falua: what its Lua parts are written on. ----

---@class falua.host
local host = {}
---"fal 0.1.0, Lua 5.4.4, libcurl 7.88.1"
function host.versions() end
---Whether somebody types at us.
function host.isterminal() end
function host.setenv(name, value) end
---Whether Ctrl-C is an error that can be caught (at the prompt; "main": only by the main coroutine) or the end.
---@param how boolean|"main"
function host.catch(how) end
---Whether Ctrl-C was pressed while it is noted.
function host.interrupted() end
---Columns and lines of the terminal that a descriptor is; nil when it is none.
---@param fd? integer   2, standard error, unless given
---@return integer? columns
---@return integer? lines
function host.columns(fd) end
---The text of an error, with a traceback under FALUA_TRACE=1.
function host.message(err) end
---"interrupt" when Ctrl-C came; nil when a descriptor is readable or time is up.
---@param first? integer
---@param second? integer
---@param seconds? number
function host.wait(first, second, seconds) end

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

---@class falua.hook   webhooks; a key is the 32 bytes of an Ed25519 pair's private half
local hook = {}
---The key of the server whose data folder has that secret.
function hook.derive(secret) end
---The JWKS document of a key.
function hook.jwks(key) end
---The signature in hex.
function hook.sign(key, request_id, user, timestamp, body) end
---A random UUID.
function hook.uuid() end
---A Listener, or nil and an error.
---@param options { listen: string, path?: string, max_body: integer, insecure?: boolean }
function hook.listen(options) end

---@class falua.Listener
local Listener = {}
function Listener:url() end
---Readable when 'next' has something.
function Listener:pollfd() end
---Id, head and body of a delivery that came; nil when there is none.
function Listener:next() end
---Each one is to be answered.
function Listener:answer(id, status, text) end
function Listener:close() end

---@class falua.exchange   one HTTP exchange as it is
local exchange = {}
---An operation and its id, or nil and an error.
---@param options { url: string, headers?: string[], body?: string, timeout?: number }
function exchange.start(engine, client, options) end
---Of an operation that is done: { status, body, seconds, ip, http, tls, proxy, date }, or nil and an error.
function exchange.result(op) end

---@class falua.facts
local facts = {}
---Versions of what this program is made of.
function facts.libraries() end
---How many files it may have open; how many it may ask for.
function facts.files() end
---Whether a folder can be written to, or made; false and why not.
function facts.writable(path) end

---@class falua.child
local child = {}
---Runs a command by the shell: its process id, or nil and why not.
---@param quiet? boolean   its output goes to standard error
function child.start(command, input, quiet) end
---Its exit status; nil while it runs.
function child.ended(pid) end

---@class falua.serve.paint   what preview models are made with; every function makes a new picture
local paint = {}
---A procedural drawing, the same for the same request.
---@param request { prompt: string, negative?: string, seed: integer, width: integer, height: integer, steps?: integer, adherence?: number, texture?: integer, raw?: boolean, model?: string, label?: boolean }
---@return fal.Image?
---@return fal.Error?
function paint.scene(request) end
---Says in a corner that the picture is a preview.
function paint.label(image, model, prompt) end
---In the style that a LoRA's name asks for.
---@param scale number   0 to 4
function paint.style(image, name, scale) end
---@return string   "papercut", "ink"...: what a LoRA's name asks for
function paint.style_kind(name) end
---Shaped by a control image of the same size.
---@param kind string   "canny", "scribble", "depth", "pose"...
---@param scale number   0 to 2
function paint.guide(image, control, kind, scale) end
---@return boolean   is it a kind of control?
function paint.is_guide(word) end
---The input redrawn after the picture: 0 is the input, 1 the picture.
function paint.remake(image, input, strength) end
---A guess at how near things are.
function paint.depth(image) end
---A guess at what is in front, as a mask.
function paint.cutout(image) end
---@return number   the share of it with the colours of skin
function paint.skin(image) end
---Three channels, what is transparent laid on a colour.
function paint.opaque(image, r, g, b) end
---Coarse, noisy and of half the size, as if a share of the work was done.
function paint.partial(image, done, seed) end
---@return integer? x, integer? y, integer? width, integer? height   of what is lighter than half
function paint.bounds(mask) end
---PNG or JPEG.
---@return fal.Image?
---@return fal.Error?
function paint.open(bytes, max_pixels) end
---@return string?
---@return fal.Error?
function paint.jpeg(image, quality, comment) end

---@class falua.serve.core   what endpoints of the server are written on
local serve = {}
---Keeps bytes as a file of the caller's: what follows "/files/" in its URL, name.
---@param options { name?: string, type?: string, lifecycle?: string }
function serve.put(bytes, extension, options) end
---@param level "error"|"info"
function serve.log(level, text) end
function serve.progress(fraction) end
---A partial result, as it goes out.
function serve.emit(bytes) end
function serve.canceled() end
---@param name "file"|"method"|"request_id"|"base_url"|"owner"|"head"
---@return string   that the call came with
function serve.call(name) end
function serve.body() end
---The value of the body's JSON.
function serve.input() end
---Whether the call is a POST with a body.
function serve.plain() end
---What `plainly` takes, from a list of schema.list; nil when that has a field
---that takes more than a look.
---@return userdata?
function serve.fields(list) end
---An input that is plainly right, as it is to be used; else nil: schema.check
---says what is wrong, if anything.
---@return table?
function serve.plainly(fields, input) end
---The address of this server.
function serve.url() end
---A path for a file that is nobody's yet.
function serve.scratch() end
---Where a file of this server is, and its type, by its URL.
function serve.path(url) end
---A seed from the system's randomness.
function serve.random() end

--- What this server takes for a key from an endpoint, for the owner of the call.
---@return string
function serve.key() end
---Where a JSON text is broken: position, reason.
function serve.flaw(text) end

---core.image: what lua/fal/image.lua is written on. The first argument of most
---is an engine, or nil: with one, what takes long returns an operation, its id
---and a job, whose result() is what came of it. 'methods' are the class's.
core.image = {}
function core.image.color(value) end
---"open", "closed", or nil for what is no picture.
function core.image.kind(value) end
function core.image.blend(engine, image, top, mask) end
function core.image.border(engine, image, color, left, top, right, bottom) end
function core.image.canny(engine, image, low, high) end
function core.image.cut(engine, image, mask) end
function core.image.flood(engine, image, x, y, tolerance, color) end
function core.image.mask(engine, image, f) end
---Copies a PNG from file to file with the text chunks { key, value, ... } set.
function core.image.retext(engine, from, to, list, overwrite) end
---A small PNG, given as bytes, to a file with these text chunks; here and now.
---@return string? path
---@return fal.Error?
function core.image.put_retext(bytes, to, list, overwrite) end
function core.image.paste(engine, image, top, x, y, opacity) end
function core.image.shape(engine, image, shape, x, y, width, height) end
function core.image.sheet(engine, images, captions, columns, width, height, gap, size, background, color) end


return fal
