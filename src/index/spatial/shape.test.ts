import { expect, test } from 'vitest';
import type { Json } from '../../base/index.ts';
import { EARTH } from './earth.ts';
import { PLANE } from './plane.ts';
import { parseShape } from './shape.ts';

const SQUARE = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
  [0, 0],
];
const polygon = (...rings: Json[]): Json => ({ type: 'Polygon', coordinates: rings });

test.each<[string, Json]>([
  ['a point', { type: 'Point', coordinates: [1, 2] }],
  ['with a height', { type: 'Point', coordinates: [1, 2, 300] }],
  ['with other members', { type: 'Point', coordinates: [1, 2], crs: null, name: 'x' }],
  [
    'a line',
    {
      type: 'LineString',
      coordinates: [
        [1, 2],
        [3, 4],
      ],
    },
  ],
  [
    'a line that crosses itself',
    {
      type: 'LineString',
      coordinates: [
        [0, 0],
        [5, 5],
        [5, 0],
        [0, 5],
      ],
    },
  ],
  ['a polygon', polygon(SQUARE)],
  ['clockwise', polygon(SQUARE.toReversed())],
  [
    'with a repeated corner',
    polygon([
      [0, 0],
      [10, 0],
      [10, 0],
      [10, 10],
      [0, 0],
    ]),
  ],
  [
    'with a hole',
    polygon(SQUARE, [
      [4, 4],
      [4, 6],
      [6, 6],
      [4, 4],
    ]),
  ],
  [
    'with a hole that touches',
    polygon(SQUARE, [
      [0, 0],
      [4, 6],
      [6, 4],
      [0, 0],
    ]),
  ],
  [
    'several',
    {
      type: 'MultiPolygon',
      coordinates: [
        [SQUARE],
        [
          [
            [20, 0],
            [30, 0],
            [30, 5],
            [20, 0],
          ],
        ],
      ],
    },
  ],
  [
    'several that touch',
    {
      type: 'MultiPolygon',
      coordinates: [
        [SQUARE],
        [
          [
            [10, 10],
            [20, 10],
            [20, 20],
            [10, 10],
          ],
        ],
      ],
    },
  ],
])('valid: %s', (_, value) => {
  expect(parseShape(value, EARTH).kind).toBe('shape');
  expect(parseShape(value, PLANE).kind).toBe('shape');
});

test.each<[string, Json, RegExp]>([
  ['no object', 42, /must be an object/],
  ['an array', [1, 2], /must be an object/],
  ['no type', { coordinates: [1, 2] }, /type/],
  ['a type that is not there', { type: 'MultiPoint', coordinates: [[1, 2]] }, /type/],
  ['a type in small letters', { type: 'point', coordinates: [1, 2] }, /type/],
  ['no coordinates', { type: 'Point' }, /arrays of numbers/],
  ['one coordinate', { type: 'Point', coordinates: [1] }, /two or three numbers/],
  ['four coordinates', { type: 'Point', coordinates: [1, 2, 3, 4] }, /two or three numbers/],
  ['texts', { type: 'Point', coordinates: ['1', '2'] }, /two or three numbers/],
  ['a line of one place', { type: 'LineString', coordinates: [[1, 2]] }, /at least two/],
  [
    'a line that stays',
    {
      type: 'LineString',
      coordinates: [
        [1, 2],
        [1, 2],
      ],
    },
    /two different/,
  ],
  ['a polygon without rings', polygon(), /must have a ring/],
  [
    'a ring of three',
    polygon([
      [0, 0],
      [1, 0],
      [0, 0],
    ]),
    /at least four/,
  ],
  [
    'a ring of two places',
    polygon([
      [0, 0],
      [1, 0],
      [1, 0],
      [0, 0],
    ]),
    /three different/,
  ],
  [
    'an open ring',
    polygon([
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ]),
    /must be closed/,
  ],
  [
    'a bow tie',
    polygon([
      [0, 0],
      [10, 10],
      [10, 0],
      [0, 10],
      [0, 0],
    ]),
    /cross or touch itself/,
  ],
  [
    'a ring that touches itself',
    polygon([
      [0, 0],
      [10, 0],
      [5, 0.0],
      [5, 5],
      [0, 0],
    ]),
    /itself|back on/,
  ],
  [
    'a spike',
    polygon([
      [0, 0],
      [10, 0],
      [10, 10],
      [20, 0],
      [10, 10],
      [0, 10],
      [0, 0],
    ]),
    /itself|back on/,
  ],
  [
    'a hole outside',
    polygon(SQUARE, [
      [20, 0],
      [20, 5],
      [30, 0],
      [20, 0],
    ]),
    /inside of it/,
  ],
  [
    'a hole that crosses',
    polygon(SQUARE, [
      [5, 5],
      [5, 15],
      [6, 5],
      [5, 5],
    ]),
    /must not cross/,
  ],
  [
    'polygons that overlap',
    {
      type: 'MultiPolygon',
      coordinates: [
        [SQUARE],
        [
          [
            [5, 5],
            [20, 5],
            [20, 20],
            [5, 5],
          ],
        ],
      ],
    },
    /overlap/,
  ],
  [
    'a polygon in a polygon',
    {
      type: 'MultiPolygon',
      coordinates: [
        [SQUARE],
        [
          [
            [2, 2],
            [4, 2],
            [4, 4],
            [2, 2],
          ],
        ],
      ],
    },
    /overlap/,
  ],
])('invalid: %s', (_, value, reason) => {
  for (const surface of [EARTH, PLANE]) {
    expect(parseShape(value, surface)).toEqual({ kind: 'invalid', reason: expect.stringMatching(reason) });
  }
});

test.each<[string, Json, RegExp]>([
  [
    'latitudes',
    { type: 'Point', coordinates: [133, -184] },
    /^Latitude values must be between -90 and 90 degrees\.$/,
  ],
  ['longitudes', { type: 'Point', coordinates: [181, 0] }, /^Longitude values/],
  [
    'opposite places',
    {
      type: 'LineString',
      coordinates: [
        [0, 0],
        [180, 0],
      ],
    },
    /opposite/,
  ],
  [
    'the whole world',
    polygon([
      [-180, -90],
      [180, -90],
      [180, 90],
      [-180, 90],
      [-180, -90],
    ]),
    /./,
  ],
])('only a plane has %s', (_, value, reason) => {
  expect(parseShape(value, EARTH)).toEqual({ kind: 'invalid', reason: expect.stringMatching(reason) });
  expect(parseShape(value, PLANE).kind).toBe('shape');
});

test('a ring that goes round the Earth has no inside', () => {
  const zigzag = polygon([
    ...[0, 60, 120, 180, -120, -60].map((longitude, place) => [longitude, place % 2 === 0 ? 20 : -20]),
    [0, 20],
  ]);
  expect(parseShape(zigzag, EARTH)).toEqual({
    kind: 'invalid',
    reason: expect.stringMatching(/hemisphere/),
  });
});

test('the number of positions has a bound', () => {
  const circle = (count: number): Json => {
    const corners = Array.from({ length: count - 1 }, (_, i) => {
      const angle = (2 * Math.PI * i) / (count - 1);
      return [Math.cos(angle), Math.sin(angle)];
    });
    return polygon([...corners, corners[0] as number[]]);
  };
  expect(parseShape(circle(4_096), EARTH).kind).toBe('shape');
  expect(parseShape(circle(4_097), EARTH)).toEqual({
    kind: 'invalid',
    reason: expect.stringMatching(/4096/),
  });
});
