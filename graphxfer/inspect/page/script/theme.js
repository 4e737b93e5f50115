// Light or dark: the system's theme by default. A selected theme is stored, if the browser allows it.

function startTheme() {
  const select = byId("theme");
  const set = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  try {
    select.value = localStorage.getItem("graphxfer-theme") ?? "";
  } catch {
    // a page that is opened from a file may have no storage
  }
  set(select.value);
  select.addEventListener("change", () => {
    set(select.value);
    try {
      localStorage.setItem("graphxfer-theme", select.value);
    } catch {
      // then it is used until the page is closed
    }
  });
}
