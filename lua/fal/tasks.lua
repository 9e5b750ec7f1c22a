-- Waiting: the only place in the module that waits.
--
-- A call starts an operation in the engine and then waits for it here. In a
-- coroutine that we made (a task) waiting means to yield; in a coroutine that
-- an adapter knows (cqueues) it means what the adapter does; anywhere else
-- the engine is pumped until the operation is done, and tasks go on
-- meanwhile. A stranger's coroutine is never yielded.

local core = require "fal.core"

local running, status = coroutine.running, coroutine.status
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local isyieldable = coroutine.isyieldable or function () return true end
local unpack = table.unpack or unpack

local tasks = {
  adapter = nil,   -- { inside = function, wait = function (event) }: a foreign loop
  on_wait = nil,   -- called when a task begins to wait (luv: keep the loop alive)
}

local engine                                  -- made when first needed
local ours = {}                               -- coroutine -> task that has not ended
local waiting = {}                            -- operation id -> event, or the task that waits for it
local ready = {}                              -- tasks that yielded by themselves
local idle = {}                               -- coroutines whose task has ended
local failed = {}                             -- tasks that raised, not yet awaited
local WAIT, ENDED = {}, {}                    -- what a task yields when it waits, when it ends
local IDLE = 64                               -- coroutines kept for the next task

local Task = {}


function tasks.engine()
  if not engine then
    local err
    engine, err = core.engine.new { pollset = os.getenv "FAL_POLLSET" }
    if not engine then error(err, 0) end
  end
  return engine
end


local function canceled_error()
  return core.error { code = "canceled", message = "canceled", retryable = false }
end


local advance


-- An event happens once: { done = false } and the list of those who wait for
-- it, made with room for one. Firing it calls the functions and resumes the
-- tasks among them. A task is an event itself: it happens when the task ends.
local function fire(event)
  event.done = true
  for i = 1, #event do
    local w = event[i]
    event[i] = nil
    if type(w) == "function" then w()
    elseif w.waits == event then advance(w) end
  end
end


local function subscribe(event, waiter)
  event[#event + 1] = waiter
end


-- The body of a coroutine: one task's function after the other.
local function serve(f, ...)
  return serve(yield(ENDED, f(...)))
end


-- A task has ended; 'outcome' is how, as fal.gather tells it: with what it
-- returned.
local function finish(task, ok, ...)
  local first, second = ...
  ours[task.co] = nil
  task.waits = false
  if not ok then
    task.outcome = { ok = false, n = 2, err = first, nil, first }
    if task.canceling and core.iserror(first) and first.code == "canceled" then
      task.state = "canceled"
    else
      task.state, task.raised = "failed", true
      task.traceback = debug.traceback(task.co)
      failed[task] = true
    end
  elseif task.canceling or first == nil and select("#", ...) > 1 then
    task.state = task.canceling and "canceled" or "failed"
    task.outcome = { ok = false, n = select("#", ...), err = second, ... }
  else
    task.state = "done"
    task.outcome = { ok = true, n = select("#", ...), result = first, meta = second, ... }
  end
  fire(task)
  if task.group then task.group(task.index, task) end
end


-- Runs a task until it waits or ends.
local function continue(task, ok, signal, ...)
  if signal == WAIT then
    return
  elseif signal == ENDED then
    if #idle < IDLE then idle[#idle + 1] = task.co end
    return finish(task, true, ...)
  elseif not ok then
    return finish(task, false, signal)
  else  -- a plain coroutine.yield(): let others go first
    ready[#ready + 1] = task
    engine:wake()
  end
end


function advance(task, ...)
  task.waits = false
  if status(task.co) ~= "suspended" then return end  -- 5.1: its yield failed
  return continue(task, resume(task.co, ...))
end


-- Hands out what is done. Called after every step.
local function deliver()
  for id in engine.next, engine do
    local waiter = waiting[id]
    if waiter then
      waiting[id] = nil
      if not waiter.co then fire(waiter)
      elseif waiter.waits == id then advance(waiter) end
    end
  end
  if #ready > 0 then
    local list = ready
    ready = {}
    for i = 1, #list do advance(list[i]) end
  end
end


-- Does the work that is due, waiting for some at most 'seconds'.
local function step(seconds)
  if not engine then tasks.engine() end
  engine:step(#ready > 0 and 0 or seconds)
  deliver()
end
tasks.step = step


-- Waits for an event wherever we are. nil, err when the task it happens in
-- was canceled meanwhile.
local function wait(event)
  if event.done then return true end
  local co = running()
  local task = co and ours[co]
  if task and isyieldable() then
    task.waits = event
    subscribe(event, task)
    if tasks.on_wait then tasks.on_wait() end
    yield(WAIT)
    if event.done then return true end
    return nil, canceled_error()
  end
  local adapter = tasks.adapter
  if adapter and adapter.inside() then
    adapter.wait(event, subscribe)
    return true
  end
  deliver()
  while not event.done do
    if tasks.engine():pending() == 0 and #ready == 0 then
      error("nothing will ever end this wait: the task waits for something that is not fal's", 0)
    end
    step()
  end
  return true
end


-- What a call must ask before it starts anything: nil, or the error it has to
-- return because its task was canceled. The second call of a canceled task
-- that asks is ended by an error, so that no loop runs on for ever.
function tasks.refused()
  local co = running()
  local task = co and ours[co]
  if task and task.canceling then
    if task.told then error(canceled_error(), 0) end
    task.told = true
    return canceled_error()
  end
end


-- The engine, when others may go on while the caller waits: it is in a task, a
-- foreign loop runs, or tasks are under way. Else nil.
function tasks.company()
  local co = running()
  local adapter = tasks.adapter
  if co and ours[co] then return isyieldable() and engine or nil end
  if next(ours) or adapter and adapter.inside() then return tasks.engine() end
end


-- Waits for an operation: true | nil, err (the task was canceled; so is the
-- operation).
function tasks.wait_op(op, id)
  if op:done() then return true end
  local co = running()
  local task = co and ours[co]
  if task and isyieldable() then
    waiting[id], task.waits = task, id
    if tasks.on_wait then tasks.on_wait() end
    yield(WAIT)
    if waiting[id] ~= task then return true end
    waiting[id], task.told = nil, true
    op:close()
    return nil, canceled_error()
  end
  local event = { nil, done = false, op = op }  -- 'op' is not to be collected
  waiting[id] = event
  return wait(event)
end


-- Calls one of core.image's functions, f(engine or nil, ...), and waits for it
-- when another thread does it because it takes long.
function tasks.work(f, ...)
  local result, err, job = f(tasks.company(), ...)
  if not job then return result, err end
  local refused = tasks.refused()
  if refused then
    result:close()
    return nil, refused
  end
  local ok, why = tasks.wait_op(result, err)
  if not ok then return nil, why end
  return job:result()
end


-- Waits until an operation that goes on has something new, or 'seconds' have
-- passed (nil: no limit): true | nil, err (the task was canceled; the
-- operation goes on).
function tasks.wait_news(id, seconds)
  local event = waiting[id]
  if not event or event.done then
    event = { nil, done = false }
    waiting[id] = event
  end
  local timer, timer_id
  if seconds then
    timer, timer_id = tasks.engine():timer(seconds)
    if not timer then return nil, timer_id end
    waiting[timer_id] = event
  end
  local ok, err = wait(event)
  if timer then
    waiting[timer_id] = nil
    timer:close()
  end
  if not ok and ours[running()] then ours[running()].told = true end
  return ok, err
end


-- Wakes who waits for an operation that will not be heard of again.
function tasks.wake(id)
  local event = waiting[id]
  waiting[id] = nil
  if event and not event.done then fire(event) end
end


-- Something a call waits for that is no operation: wait() -> true | nil, err
-- (its task was canceled), fire().
function tasks.event()
  local event = { nil, done = false }
  return {
    wait = function () return wait(event) end,
    fire = function () if not event.done then fire(event) end end,
  }
end


---- Tasks --------------------------------------------------------------

local methods = {}

local fields = {
  status = function (task) return task.state end,
}


function Task.__index(task, key)
  local field = fields[key]
  if field then return field(task) end
  return methods[key]
end


function Task.__tostring(task)
  return "fal.Task: " .. task.state
end

Task.__name = "fal.Task"


local function start(f, ...)
  if not engine then tasks.engine() end
  local n = #idle
  local co = idle[n] or create(serve)
  idle[n] = nil
  local task = setmetatable({
    nil, done = false, state = "running", co = co, waits = false, canceling = false, outcome = false,
    group = false, index = 0,
  }, Task)
  ours[co] = task
  continue(task, resume(co, f, ...))
  return task
end


-- Starts f(...) as a task; it runs at once until it first waits.
function tasks.async(f, ...)
  if type(f) ~= "function" then
    local mt = getmetatable(f)
    if not (mt and mt.__call) then
      error("fal.async takes a function and its arguments, not a " .. type(f), 2)
    end
    local callable = f
    f = function (...) return callable(...) end
  end
  return start(f, ...)
end


local function check_task(task, name)
  if getmetatable(task) ~= Task then
    error("call it as task:" .. name .. "()", 3)
  end
end


-- What the task's function returned, once it has; raises what it raised.
function methods.await(task)
  check_task(task, "await")
  local co = running()
  if co and ours[co] == task then error("a task cannot await itself", 2) end
  local ok, err = wait(task)
  if not ok then return nil, err end
  failed[task] = nil
  local told = task.outcome
  if task.raised then error(told.err, 0) end
  return unpack(told, 1, told.n)
end


-- Ends what the task waits for: that call returns nil and an error with code
-- "canceled". Nothing happens when the task has ended.
function methods.cancel(task)
  check_task(task, "cancel")
  if task.state ~= "running" or task.canceling then return end
  task.canceling = true
  if task.waits then
    advance(task)
  end
end


-- Calls f when the task has ended, however it did.
function tasks.when(task, f)
  if task.done then f() else subscribe(task, f) end
end


function tasks.is(value)
  return getmetatable(value) == Task
end


function tasks.sleep(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then
    error("fal.sleep takes seconds, not " .. tostring(seconds), 2)
  end
  local err = tasks.refused()
  if err then return nil, err end
  local op, id = tasks.engine():timer(seconds)
  if not op then return nil, id end
  return tasks.wait_op(op, id)
end


local function copy(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end


-- Runs a list of functions (at most 'limit' at once) or waits for a list of
-- tasks: a list of { ok =, result =, meta =, err = } in the same order, with
-- what was returned at [1], [2]...
function tasks.gather(list, options)
  if type(list) ~= "table" then
    error("fal.gather takes a list of tasks or functions, not a " .. type(list), 2)
  end
  local limit = options and options.limit or list.limit or math.huge
  if type(limit) ~= "number" or limit < 1 then
    error("option 'limit' of fal.gather must be a number from 1 on", 2)
  end
  for i = 1, #list do
    if not tasks.is(list[i]) and type(list[i]) ~= "function" then
      error("entry " .. i .. " of fal.gather is a " .. type(list[i]) .. ", not a task or a function", 2)
    end
  end
  local err = tasks.refused()
  if err then return nil, err end
  local n, started, active, left = #list, 0, 0, #list
  local results, all, filling = {}, { done = n == 0 }, false  -- a task of ours is in 'results' until it has ended
  local fill

  local function ended(i, task)
    failed[task] = nil
    results[i] = task.group == ended and task.outcome or copy(task.outcome)
    active, left = active - 1, left - 1
    if left == 0 then fire(all) else fill() end
  end

  function fill()
    if filling then return end
    filling = true
    while started < n and active < limit do
      started, active = started + 1, active + 1
      local i, task = started, list[started]
      if type(task) == "function" then
        task = start(task)
        results[i] = task
        task.group, task.index = ended, i
      end
      if task.done then ended(i, task)
      elseif task.group ~= ended then subscribe(task, function () ended(i, task) end) end
    end
    filling = false
  end

  fill()
  local ok, why = wait(all)
  if not ok then
    started = n  -- start no more
    for i = 1, n do
      if tasks.is(results[i]) then results[i]:cancel() end
    end
    return nil, why
  end
  return results
end


-- Runs all tasks to their end. For a host whose script is over.
function tasks.drain()
  while next(ours) do wait(select(2, next(ours))) end
end


-- Tasks that raised an error which nobody has awaited: a list of
-- { task =, err =, traceback = }. Each is told once.
function tasks.unobserved()
  local list = {}
  for task in pairs(failed) do
    list[#list + 1] = { task = task, err = task.outcome.err, traceback = task.traceback }
  end
  failed = {}
  return list
end


return tasks
