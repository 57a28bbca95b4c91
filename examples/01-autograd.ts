// Fits y = 2x - 1 by gradient descent: tensors, gradients, and the scope that frees what a step made.
//   node scripts/with-driver.mjs tsx --conditions=@attune/source examples/01-autograd.ts
import { accumulateInto, add, backward, linear, mean, parameter, square, sub, tensor } from "@attune/tensor";
import { openDevice } from "@attune/tensor/node";

const device = await openDevice();
const w = parameter(device, [0], [1, 1], "w"); // [out, in]; it owns w.grad, and both live until disposed of
const b = parameter(device, [0], [1], "b");

for (let step = 0; step <= 60; step++) {
  const loss = device.scope(() => {
    const x = tensor(device, [-1, 0, 1, 2], [4, 1]);
    const y = tensor(device, [-3, -1, 1, 3], [4, 1]);
    const error = sub(add(linear(x, w), b), y); // [4, 1]
    const loss = mean(square(error)); // []
    backward(loss); // adds into w.grad and b.grad
    for (const p of [w, b]) {
      accumulateInto(p.grad!, p, -0.1); // p -= 0.1 * grad, on the device
      p.grad!.write(new Float32Array(p.size)); // a gradient stays until it is cleared
    }
    return loss; // all else that the step made is freed here
  });
  if (step % 20 === 0) console.log(`step ${step}  loss ${(await loss.item()).toFixed(6)}`);
  loss.dispose();
}
console.log(`y = ${(await w.item()).toFixed(2)} x + ${(await b.item()).toFixed(2)}`);
for (const held of [w, b]) held.dispose();
device.destroy();
