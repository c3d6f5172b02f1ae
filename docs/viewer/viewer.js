/* The page: takes files, has the worker decode them, shows what it tells. */

const $ = (id) => document.getElementById(id);
const canvas = $('canvas');
const numbers = new Intl.NumberFormat('en');

let worker = null;
let busy = false;
let name = '';

function start() {
  worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => told(data);
  worker.onerror = (event) => {
    event.preventDefault();
    told({ error: 'The decoder cannot be started: serve this folder by a web server, to a browser of 2023 or newer.' });
  };
}

/* Where the page is: empty, busy, done or error. */
function state(now) {
  busy = now === 'busy';
  document.body.dataset.state = now;
}

async function open(file) {
  if (busy || !worker) {
    worker?.terminate(); // another picture is wanted
    start();
  }
  name = file.name;
  state('busy');
  $('message').textContent = '';
  $('progress').removeAttribute('value');
  $('name').textContent = file.name;
  for (const id of ['size', 'model', 'time']) $(id).textContent = '';
  $('bytes').textContent = `${numbers.format(file.size)} bytes`;
  canvas.hidden = true;
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    told({ error: `${file.name} cannot be read from where it is.` });
    return;
  }
  worker.postMessage({ bytes }, [bytes.buffer]);
}

function told({ header, share, picture, png, error }) {
  if (header) {
    $('size').textContent = `${header.width} × ${header.height} pixels, ${header.mode}`;
    $('model').textContent = header.model;
  } else if (share !== undefined) {
    $('progress').value = share;
  } else if (picture) {
    draw(picture);
    if (picture.preview) return;
    $('time').textContent = `decoded in ${picture.seconds.toFixed(2)} s`
      + (picture.step > 1 ? `, one pixel in ${picture.step} shown each way` : '');
    state('done');
  } else if (png) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(png);
    link.download = `${name.replace(/\.inr$/i, '')}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } else if (error) {
    $('message').textContent = error;
    canvas.hidden = true;
    state('error');
  }
}

/* Onto the canvas, turned as EXIF's orientation says. */
function draw({ rgba, width, height, orientation = 1 }) {
  const turned = orientation > 4;
  [canvas.width, canvas.height] = turned ? [height, width] : [width, height];
  const context = canvas.getContext('2d');
  const [w, h] = [width, height];
  const turns = [null, null, [-1, 0, 0, 1, w, 0], [-1, 0, 0, -1, w, h], [1, 0, 0, -1, 0, h], [0, 1, 1, 0, 0, 0],
    [0, 1, -1, 0, h, 0], [0, -1, -1, 0, h, w], [0, -1, 1, 0, 0, w]];
  const image = new ImageData(rgba, width, height);
  if (!turns[orientation]) context.putImageData(image, 0, 0);
  else {
    const plain = new OffscreenCanvas(width, height);
    plain.getContext('2d').putImageData(image, 0, 0);
    context.setTransform(...turns[orientation]);
    context.drawImage(plain, 0, 0);
  }
  canvas.hidden = false;
}

$('file').addEventListener('change', ({ target }) => {
  if (target.files[0]) open(target.files[0]);
  target.value = ''; // the same file can be chosen again
});
$('save').addEventListener('click', () => worker.postMessage({ save: true }));
$('stop').addEventListener('click', () => {
  worker.terminate();
  worker = null;
  told({ error: 'Stopped.' });
});
canvas.addEventListener('click', () => canvas.classList.toggle('whole'));
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('over');
});
addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) document.body.classList.remove('over');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('over');
  const [file] = event.dataTransfer.files;
  if (file) open(file);
});
addEventListener('paste', (event) => {
  const [file] = event.clipboardData.files;
  if (file) open(file);
});
start();
state('empty');
