// Light or dark: as the system has it, unless one is chosen, which is remembered where that may be.

function startTheme() {
  const select = byId("theme");
  const set = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  try {
    select.value = localStorage.getItem("graphxfer-theme") ?? "";
  } catch {
    // a page that was opened as a file may have no storage
  }
  set(select.value);
  select.addEventListener("change", () => {
    set(select.value);
    try {
      localStorage.setItem("graphxfer-theme", select.value);
    } catch {
      // then it holds until the page is closed
    }
  });
}
