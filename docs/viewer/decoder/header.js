/* The header: what is known of a picture before its pixels are decoded, and the limits it must keep. */

import { FieldReader } from './fields.js';
import { expect, require } from './errors.js';

export const MODES = [
  // name, bit depths, channels, planes of each component of the latent model
  { name: '1', depths: [1], channels: [1], components: [1] },
  { name: 'L', depths: [8], channels: [1], components: [1] },
  { name: 'LA', depths: [8, 16], channels: [2], components: [1, 1] },
  { name: 'P', depths: [8], channels: [3, 4], components: [3] },
  { name: 'RGB', depths: [8, 16], channels: [3, 1], components: [3] },
  { name: 'RGBA', depths: [8, 16], channels: [4, 2], components: [3, 1] },
  { name: 'CMYK', depths: [8], channels: [4], components: [3, 1] },
  { name: 'YCbCr', depths: [8], channels: [3], components: [1, 1, 1] },
  { name: 'LAB', depths: [8], channels: [3], components: [1, 1, 1] },
  { name: 'I;16', depths: [16], channels: [1], components: [1] },
];
export const MODELS = [
  { name: 'siren', chunk: 'NETW', several: false, most: 2 ** 24 },
  { name: 'latent', chunk: 'LATS', several: true, most: 2 ** 28 },
  { name: 'exact', chunk: 'STRP', several: true, most: 3 * 2 ** 30 },
];
export const PLANES = { // chunks, and modes they may be in
  ALPH: ['LA', 'RGBA'],
  ENDS: ['L', 'LA', 'RGBA', 'I;16'],
  TILE: ['L', 'LA', 'RGB', 'RGBA'], // beside the latent model, of 8 bits
};

const MAX_SIDE = 65535;
const MAX_PIXELS = 2 ** 28;
const MAX_LATENT_PIXELS = 2 ** 26;
const MAX_HIDDEN = 1024;
const MAX_LAYERS = 64;
const MAX_WEIGHTS = 2 ** 22;
const MAX_WORK = 2 ** 42;
const MAX_STEP = 255;
const MAX_LEVELS = 16;
const PRIORS = 5;

/* The fields of a HEAD chunk. */
export function readHeader(data) {
  const fields = new FieldReader(data);
  const width = expect('header: width', fields.unsigned(2, 'width'), 1, MAX_SIDE);
  const height = expect('header: height', fields.unsigned(2, 'height'), 1, MAX_SIDE);
  const mode = MODES[expect('header: mode', fields.unsigned(1, 'mode'), 0, MODES.length - 1)];
  const depth = fields.unsigned(1, 'bit depth');
  const channels = fields.unsigned(1, 'channels');
  const model = MODELS[expect('header: model', fields.unsigned(1, 'model'), 0, MODELS.length - 1)];
  const prior = fields.unsigned(2, 'prior');
  const hidden = fields.unsigned(2, 'hidden'); // of model 1 the step
  const layers = fields.unsigned(1, 'layers'); // of model 1 the levels
  const payloadBytes = expect('header: payload bytes', fields.unsigned(4, 'payload bytes'), 0, model.most);
  expect('header: width × height', width * height, 1, model.name === 'latent' ? MAX_LATENT_PIXELS : MAX_PIXELS);
  require(mode.depths.includes(depth), `header: bit depth: expected ${mode.depths} for mode ${mode.name}, got ${depth}`);
  require(mode.channels.includes(channels), `header: channels: expected ${mode.channels}, got ${channels}`);
  const header = { width, height, mode: mode.name, depth, channels, model: model.name, row: model, prior, payloadBytes };
  header.coded = channels; // channels that the model makes
  header.grey = mode.name.startsWith('RGB') && channels < 3; // whether a sample stands for red, green and blue
  header.components = header.grey ? Array(channels).fill(1) : channels === 4 && mode.name === 'P' ? [3, 1] : mode.components;
  header.bits = Math.max(8, depth); // of a decoded sample
  header.ranges = [];
  if (model.name === 'latent') {
    expect('header: prior', prior, 1, PRIORS);
    header.step = expect('header: step', hidden, 0, MAX_STEP);
    header.levels = expect('header: levels', layers, 1, MAX_LEVELS);
    return header;
  }
  expect('header: prior', prior, 0, 0);
  if (model.name === 'exact') {
    expect('header: hidden', hidden, 0, 0);
    expect('header: layers', layers, 0, 0);
    return header;
  }
  header.hidden = expect('header: hidden neurons', hidden, 1, MAX_HIDDEN);
  header.layers = expect('header: layers', layers, 2, MAX_LAYERS);
  const weights = 2 * hidden + (layers - 2) * hidden ** 2 + hidden * channels;
  expect('header: weights', weights, 1, MAX_WEIGHTS);
  expect('header: multiply-adds of the picture', weights * width * height, 1, MAX_WORK);
  return header;
}
