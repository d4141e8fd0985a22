// Loads the page's program. A file of its own, because the policy allows no script in the HTML.
import init from "./twinbench-ui.js";

init({ module_or_path: new URL("twinbench-ui_bg.wasm", import.meta.url) }).catch((error) => {
  const text = document.createElement("p");
  text.textContent = `The page cannot start: ${error}. Try a browser with WebAssembly, or build the page again with "cargo xtask ui".`;
  document.body.append(text);
});
