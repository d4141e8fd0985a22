// Loads the page's program. A file of its own, because the policy allows no script in the HTML.
import init from "./twinbench-ui.js";

init().catch((error) => {
  const text = document.createElement("p");
  text.textContent = `The page cannot start: ${error}. Try a browser with WebAssembly, or build the page again with "cargo xtask ui".`;
  document.body.append(text);
});
