// Script elements, which pages have and CometD's adapter lacks: callback-polling loads its answers with them. They are fetched with the
// adapter's XMLHttpRequest, and so with the page's cookies.

const head = {
  appendChild(script) {
    const fail = () => script.onerror({ type: "error" });
    const request = new window.XMLHttpRequest();
    request.open("GET", script.src);
    request.onerror = fail;
    request.onload = () => {
      if (request.status === 200 && request.responseText) {
        new Function("window", `with (window) { ${request.responseText}\n}`)(window); // what the page has defined is global for it
      } else {
        fail();
      }
    };
    request.send();
  },
  removeChild() {},
};

// addScripts gives the window a document with as much as it takes.
export function addScripts() {
  window.document = globalThis.document = { createElement: () => ({}), getElementsByTagName: () => [head] };
}
