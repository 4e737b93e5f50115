// What the page takes of D3: the layout of treemaps.
export { hierarchy, treemap } from "d3-hierarchy";
