/** Yoga: a layout engine in WebAssembly. */
import Yoga, { Direction, Edge, FlexDirection } from "yoga-layout";

const root = Yoga.Node.create();
root.setWidth(300);
root.setHeight(100);
root.setFlexDirection(FlexDirection.Row);
root.setPadding(Edge.All, 10);
for (let index = 0; index < 3; index++) {
  const child = Yoga.Node.create();
  child.setFlexGrow(index + 1);
  root.insertChild(child, index);
}
root.calculateLayout(undefined, undefined, Direction.LTR);
for (let index = 0; index < 3; index++) console.log(JSON.stringify(root.getChild(index).getComputedLayout()));
