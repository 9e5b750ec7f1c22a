-- What 'falua completion' prints, used by a shell; and the manual page.

local child = require "spec.support.child"
local server = require "spec.support.server"

local FALUA = os.getenv "FALUA" or "build/falua"


-- What bash offers for a line, whose last word is to be completed.
local function offered(dir, ...)
  local words = {}
  for i, word in ipairs { ... } do words[i] = child.quoted(word) end
  return child.sh(([[cd %s && bash -c '. ./falua.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _falua
    printf "%%s\n" "${COMPREPLY[@]}"' bash %s]]):format(dir, table.concat(words, " ")))
end


describe("falua completion", function ()
  local dir

  setup(function ()
    dir = server.folder()
    assert.equal("", (child.sh(FALUA .. " completion bash > " .. dir .. "/falua.bash")))
  end)

  teardown(function () server.remove_folder(dir) end)

  it("offers bash the commands", function ()
    assert.equal("result\nresume\n", (offered(dir, "falua", "res")))
  end)

  it("offers bash the options of a command", function ()
    assert.equal("--retry-errors\n", (offered(dir, "falua", "batch", "--ret")))
    assert.equal("--webhook-delay\n", (offered(dir, "falua", "serve", "--webhook-d")))
  end)

  it("knows every command for every shell", function ()
    for _, shell in ipairs { "bash", "zsh", "fish" } do
      local out, code = child.sh(FALUA .. " completion " .. shell)
      assert.equal(0, code)
      for name in (child.sh "ls lua/falua/commands"):gmatch "(%l+)%.lua" do
        assert.is_truthy(out:find("%f[%l]" .. name .. "%f[%L]"), shell .. ": " .. name)
      end
    end
  end)

  it("refuses other shells", function ()
    local out, code = child.sh(FALUA .. " completion csh")
    assert.equal(2, code)
    assert.matches("bash", out)
  end)
end)


describe("the manual page", function ()
  local page, code = child.sh("lua5.4 tools/man.lua " .. FALUA)

  it("has every command and every section", function ()
    assert.equal(0, code, page)
    for name in (child.sh "ls lua/falua/commands"):gmatch "(%l+)%.lua" do
      assert.is_truthy(page:find("\n.SS " .. name .. "\n", 1, true), name)
    end
    for _, title in ipairs { "NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "ENVIRONMENT", "EXIT STATUS" } do
      assert.is_truthy(page:find("\n.SH " .. title .. "\n", 1, true), title)
    end
  end)

  if select(2, child.sh "command -v groff") == 0 then
    it("is clean roff", function ()
      local out = child.sh("lua5.4 tools/man.lua " .. FALUA .. " | groff -man -Tascii -ww 2>&1 >/dev/null")
      assert.equal("", out)
    end)
  else
    pending "is clean roff: groff is not installed"
  end
end)
