// Script elements, which pages have and CometD's adapter lacks: callback-polling loads its answers with them. They are fetched with the
// adapter's XMLHttpRequest, and so with the page's cookies.

const loading = new Set(); // requests

const head = {
  appendChild(script) {
    const request = new window.XMLHttpRequest();
    loading.add(request);
    const loaded = (ok) => {
      if (!loading.delete(request)) {
        return;
      }
      if (ok) {
        new Function("window", `with (window) { ${request.responseText}\n}`)(window); // what the page has defined is global for it
      } else {
        script.onerror({ type: "error" });
      }
    };
    request.open("GET", script.src);
    request.onerror = () => loaded(false);
    request.onload = () => loaded(request.status === 200);
    request.send();
  },
  removeChild() {},
};

// addScripts gives the window a document with as much as it takes. It returns a function that forgets the scripts that are not there yet.
export function addScripts() {
  window.document = globalThis.document = { createElement: () => ({}), getElementsByTagName: () => [head] };
  return () => loading.clear();
}
