// Start all parts of the page. The files of this folder are joined into one script.

startTheme();
startTree();
startSearch();
startTreemap();
startShared();
startQuery();
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-node]");
  if (link) goTo(link.dataset.node);
});
document.documentElement.dataset.ready = "";
