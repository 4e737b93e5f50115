// What the page takes of D3: the layout of treemaps and of graphs.
export { hierarchy, treemap } from "d3-hierarchy";
export {
  forceCenter, forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY,
} from "d3-force";
