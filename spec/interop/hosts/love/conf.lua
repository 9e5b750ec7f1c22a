-- LÖVE without a screen and without sound: only its loop.
function love.conf(t)
  for _, name in ipairs { "audio", "font", "graphics", "image", "joystick", "keyboard", "math", "mouse", "physics",
                          "sound", "system", "thread", "touch", "video", "window" } do
    t.modules[name] = false
  end
end
