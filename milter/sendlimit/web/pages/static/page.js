// What pages have beyond HTML: the overview brings itself up to date. All works without this file.
"use strict";

const content = document.querySelector("main[data-refresh]");

async function refresh() {
  if (document.hidden || content.contains(document.activeElement)) return;
  const open = [...content.querySelectorAll("details")].map((details) => details.open);
  if (open.includes(true)) return;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector("main[data-refresh]");
    if (found) content.replaceChildren(...found.children);
  } catch {
    // The server is away for a moment: what is shown stays, and the next try comes soon.
  }
}

if (content) setInterval(refresh, Number(content.dataset.refresh) * 1000);
