import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectivePartitionKey, initialRanges, partitionKeyRange } from './effective-key.ts';
import type { KeyComponent, PartitionKeyDefinition } from './types.ts';

const V1: PartitionKeyDefinition = { paths: ['/k'], kind: 'Hash', version: 1 };
const V2: PartitionKeyDefinition = { paths: ['/k'], kind: 'Hash', version: 2 };
const hierarchical = (levels: number): PartitionKeyDefinition => ({
  paths: Array.from({ length: levels }, (_, index) => `/k${index}`),
  kind: 'MultiHash',
  version: 2,
});

/** Value, V1 in the JavaScript client's form, V2. */
const SINGLE: [KeyComponent, string, string][] = [
  [undefined, '05C1D529E345DC00', '11622DAA78F835834610ABE56EFF5CB5'],
  [null, '05C1ED45D7475601', '378867E4430E67857ACE5C908374FE16'],
  [true, '05C1D7C5A903D803', '0E711127C5B5A8E4726AC6DD306A3E59'],
  [false, '05C1DB857D857C02', '2FE1BE91E90A3439635E0E9E37361EF2'],
  [0, '05C1BF6DA115600580', '155B95BEDAC4B1E9EC1CDC9BB0DDDE58'],
  [-0, '05C1E703ED99A00580', '3D018BB1DF3DB27235766E81FD10406E'],
  [1, '05C1ED172B6B2605BFF0', '20CD98B339BA78A5D0CF6953B87070B0'],
  [-1, '05C1D1A5BDDF9C054010', '19938E7A936C1C5B9E3AE842BBC16839'],
  [2, '05C1D93569113805C0', '11BEC098BB8A08943F0A144281ACC26C'],
  [5, '05C1D9C1C5517C05C014', '19C08621B135968252FB34B4CF66F811'],
  [5.5, '05C1D7A771716C05C016', '0E2EE47829D1AF775EEFB6540FD1D0ED'],
  [10, '05C1E7A73FCDF405C024', '0FF90F755421EB8FB4B97F4349340A88'],
  [42, '05C1E75FCB273A05C04580', '08E6D561F6FD951DCC25E7E4EA2884B5'],
  [100, '05C1E30371BF2005C05980', '34235CFA9F2448C372F53E4119DBB9AB'],
  [0.5, '05C1EF2577DF1805BFE0', '216489229658E4F310F4D80B7076D562'],
  [1.5, '05C1E9694167A805BFF8', '35C5DDEB6C795D16A9963C73C54E97BC'],
  [-0.5, '05C1C10D33EB18054020', '04C8191FC18308BCB37FDA5DCC5C9768'],
  [3.14, '05C1E179CD954C05C0098FAF0B1F5D153E', '319C496AE088984E764AF1B65EF5394D'],
  [-123.456, '05C1AF3FFB9F60053FA191B51D57030712', '1757D540B589DD9962861CED15A7DA57'],
  [12313.1221, '05C1ED154D592E05C0C90723F50FC925D8', '27E7ECA8F2EE3E53424DE8D5220631C6'],
  [98052, '05C1E1411B332805C0F7F910', '1D1F568F5F4D6CD873CB6DB08777EDCF'],
  [123456789, '05C1D9E1A5311C05C19DB7CD8B40', '1F56D2538088EBA82CCF988F36E16760'],
  [1e21, '05C1E3013BEB6E05C44B8DB99B6F17BDA0', '00F95F627D6884BCDB7D661839BEB420'],
  [9007199254740991, '05C1B3FBA771A005C33FFFFFFFFFFFFFFE', '12C221C7032CED1F9E6693CE1428E6CF'],
  [-9007199254740991, '05C1DF1FF7D550053CC101010101010102', '2F1DA39110B7FB1FD46388C72F6BDBA2'],
  [1.7976931348623157e308, '05C1CBE367C53005FFEFFFFFFFFFFFFFFE', '31424D996457102634591FF245DBCC4D'],
  [5e-324, '05C1E5C91F4D3005800101010101010102', '0E6CBA63A280927DE485DEF865800139'],
  ['', '05C1CF33970FF80800', '32E9366E637A71B4E710384B2F4970A0'],
  ['a', '05C1D78593652C086200', '3A5381E1114EB8D3FCC90795045B49B7'],
  ['aa', '05C1C7B7270FE008626200', '05033626483AE80D00E44FBD35362B19'],
  ['A', '05C1ED4B21E306084200', '14F53A0810CE6727EB1CD722D321216F'],
  ['M', '05C1B58B3DE170084E00', '256ED3CC191BA4564143977EE1ACE611'],
  ['Z', '05C1CB01E14588085B00', '1D464C447E5C8B27F37C1B57E2A5AAF6'],
  ['test', '05C1EBFB1F1FE6087566747500', '08C5A1618234B14BE512B8525E2282FA'],
  ['Hello', '05C1E15F93D55C0849666D6D7000', '13ACF4C190C5958325AF5EE2AD375CC3'],
  ['redmond', '05C1EFE313830C087366656E706F6500', '22E342F38A486A088463DFF7838A5963'],
  ['98052', '05C1DDCDEB5D88083A3931363300', '36C8BBEC5EEB4676558994E4D8DF79A7'],
  ['partitionKey', '05C1E1B3D9CD2608716273756A756A706F4C667A00', '013AEFCF77FA271571CF665A58C933F1'],
  ['été', '05C1874D111B8008C4AA75C4AA00', '2BB1562C4F837AF61D2CBB527AEDB553'],
  ['鱀', '05C1ADC9E18FA008EAB28100', '26BB8A9DC450408217303F7AA09BCD38'],
  ['😀', '05C1814D5F9C08F1A0998100', '28D7FCB721E75FBE0DAC3D71DAB82766'],
  [
    '00000000-0000-0000-0000-000000000000',
    '05C1E195B77B640831313131313131312E313131312E313131312E313131312E31313131313131313131313100',
    '1E0515BD70CC3095E28D1377CCDC9DB1',
  ],
  ['x'.repeat(100), `05C1DD45A3938C08${'79'.repeat(100)}00`, '3F35F33CA8F8DA98DB46E18CDC66A245'],
  ['x'.repeat(101), `05C1DD45A3938C08${'79'.repeat(100)}00`, '300C91B3A88EBBFFE4DB4541EA0875FC'],
  ['x'.repeat(1024), `05C1DD45A3938C08${'79'.repeat(100)}00`, '2BAC2ED991B1AFB0E265AC327A32C95F'],
  ['x'.repeat(2048), `05C1DD45A3938C08${'79'.repeat(100)}00`, '00A112B97CF01F8D71DBA928C98E2909'],
];

const HIERARCHICAL: [KeyComponent[], string][] = [
  [['a'], '3A5381E1114EB8D3FCC90795045B49B7'],
  [['a', 'b'], '3A5381E1114EB8D3FCC90795045B49B7195644569A78B1E22D200348AF9416CE'],
  [
    ['a', 'b', 'c'],
    '3A5381E1114EB8D3FCC90795045B49B7195644569A78B1E22D200348AF9416CE2562D4841EF4AF76D90EC904CEE5FA9A',
  ],
  [['tenant1'], '0DAE0B8467B011E957BC0B8B0DEB5ACA'],
  [['tenant1', 'user1'], '0DAE0B8467B011E957BC0B8B0DEB5ACA236A5BE3329A7AD57D4B998E8602BD7B'],
  [
    ['tenant1', 'user1', 'session1'],
    '0DAE0B8467B011E957BC0B8B0DEB5ACA236A5BE3329A7AD57D4B998E8602BD7B3968A88FC4D9F7E8A7CC60434EE850D5',
  ],
  [['redmond', 98052], '22E342F38A486A088463DFF7838A59631D1F568F5F4D6CD873CB6DB08777EDCF'],
  [[null, null], '378867E4430E67857ACE5C908374FE16378867E4430E67857ACE5C908374FE16'],
  [[undefined, undefined], '11622DAA78F835834610ABE56EFF5CB511622DAA78F835834610ABE56EFF5CB5'],
  [['a', undefined], '3A5381E1114EB8D3FCC90795045B49B711622DAA78F835834610ABE56EFF5CB5'],
  [['a', null], '3A5381E1114EB8D3FCC90795045B49B7378867E4430E67857ACE5C908374FE16'],
  [
    ['a', 1, true],
    '3A5381E1114EB8D3FCC90795045B49B720CD98B339BA78A5D0CF6953B87070B00E711127C5B5A8E4726AC6DD306A3E59',
  ],
  [
    [1, 2, 3],
    '20CD98B339BA78A5D0CF6953B87070B011BEC098BB8A08943F0A144281ACC26C192FBBAA0435B36FED85610B205D4DC0',
  ],
  [['', ''], '32E9366E637A71B4E710384B2F4970A032E9366E637A71B4E710384B2F4970A0'],
  [[true, false], '0E711127C5B5A8E4726AC6DD306A3E592FE1BE91E90A3439635E0E9E37361EF2'],
];

describe('published vectors', () => {
  // The client drops the last group of numbers whose low 56 bits are zero; the service writes it.
  const shortened: KeyComponent[] = [0, -0, 2];

  test.each(SINGLE)('%j', (value, v1, v2) => {
    const service = shortened.some((each) => Object.is(each, value)) ? `${v1}00` : v1;
    expect(effectivePartitionKey(V1, [value])).toBe(service);
    expect(effectivePartitionKey(V2, [value])).toBe(v2);
    expect(effectivePartitionKey(hierarchical(1), [value])).toBe(v2);
  });

  test.each(HIERARCHICAL)('%j', (key, expected) => {
    expect(effectivePartitionKey(hierarchical(key.length), key)).toBe(expected);
  });

  test('a V1 string whose 100 units take more than 100 bytes is cut after 101, without an end mark', () => {
    const epk = effectivePartitionKey(V1, ['é'.repeat(120)]);
    expect(epk.slice(epk.indexOf('08C4AA'))).toBe(`08${'C4AA'.repeat(50)}C4`);
  });
});

describe('ranges of keys', () => {
  const component: fc.Arbitrary<KeyComponent> = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.double({ noNaN: true }),
    fc.integer({ min: -3, max: 3 }),
    fc.constantFrom(null, true, false, undefined),
  );
  const holds = (range: { min: string; max: string }, epk: string) => range.min <= epk && epk < range.max;

  test.each([V1, V2])('a point holds its own key and no other: version $version', (definition) => {
    fc.assert(
      fc.property(component, component, (a, b) => {
        const range = partitionKeyRange(definition, [a]);
        expect(holds(range, effectivePartitionKey(definition, [a]))).toBe(true);
        expect(holds(range, effectivePartitionKey(definition, [b]))).toBe(Object.is(a, b));
      }),
    );
  });

  test('a prefix holds the keys that start with it and no other', () => {
    fc.assert(
      fc.property(fc.array(component, { minLength: 3, maxLength: 3 }), component, (key, other) => {
        const definition = hierarchical(3);
        for (const length of [0, 1, 2]) {
          const range = partitionKeyRange(definition, key.slice(0, length));
          expect(holds(range, effectivePartitionKey(definition, key))).toBe(true);
          if (length === 0) continue;
          const changed = key.with(length - 1, other);
          const isSame = Object.is(other, key[length - 1]);
          expect(holds(range, effectivePartitionKey(definition, changed))).toBe(isSame);
        }
      }),
    );
  });

  test('wrong arity is told apart from a prefix', () => {
    expect(() => effectivePartitionKey(V2, ['a', 'b'])).toThrow(
      expect.objectContaining({ code: 'PartitionKeyMismatch' }),
    );
    expect(() => effectivePartitionKey(hierarchical(2), ['a'])).toThrow(/1 components/);
    expect(() => partitionKeyRange(V2, [])).toThrow(/0 components/);
    expect(() => partitionKeyRange(hierarchical(2), ['a', 'b', 'c'])).toThrow(/3 components/);
    expect(() => effectivePartitionKey(V2, ['x'.repeat(2049)])).toThrow(
      expect.objectContaining({ code: 'BadRequest' }),
    );
  });

  test("a legacy container's empty key is its undefined key", () => {
    const legacy: PartitionKeyDefinition = { ...V1, systemKey: true };
    expect(effectivePartitionKey(legacy, [])).toBe(effectivePartitionKey(legacy, [undefined]));
  });
});

describe('the ranges a container starts with', () => {
  const manual = (throughput: number) => ({ kind: 'manual', throughput }) as const;

  test.each([
    [400, 1],
    [10_000, 1],
    [10_100, 2],
    [12_000, 2],
    [13_000, 3],
    [20_000, 4],
    [21_000, 4],
    [25_000, 5],
    [25_100, 5],
  ])('%i RU/s make %i', (throughput, count) => {
    expect(initialRanges(V2, manual(throughput))).toHaveLength(count);
  });

  test('autoscale counts by its maximum, shared throughput makes one', () => {
    const counts = [1000, 10_000, 11_000, 40_000].map(
      (maxThroughput) => initialRanges(V2, { kind: 'autoscale', maxThroughput }).length,
    );
    expect(counts).toEqual([1, 1, 2, 4]);
    expect(initialRanges(V2, undefined)).toEqual([{ min: '', max: 'FF' }]);
  });

  test('bounds are the published ones', () => {
    const inner = (definition: PartitionKeyDefinition, throughput: number) =>
      initialRanges(definition, manual(throughput))
        .slice(1)
        .map((range) => range.min);
    expect(inner(V2, 12_000)).toEqual([`1${'F'.repeat(31)}`]);
    expect(inner(V2, 25_000)[0]).toBe(`0${'C'.repeat(31)}`);
    expect(inner(hierarchical(2), 12_000)).toEqual([`1${'F'.repeat(31)}`]);
    expect(inner(V1, 12_000)).toEqual(['05C1DFFFFFFFFC']);
    expect(inner(V1, 20_000)).toEqual(['05C1CFFFFFFFF8', '05C1DFFFFFFFFC', '05C1E7FFFFFFFE']);
  });

  test.each([V1, V2, hierarchical(3)])('complete, rising, without gaps: $kind $version', (definition) => {
    for (let throughput = 400; throughput < 200_000; throughput += 5_300) {
      const ranges = initialRanges(definition, manual(throughput));
      expect(ranges[0]?.min).toBe('');
      expect(ranges.at(-1)?.max).toBe('FF');
      for (const [index, range] of ranges.entries()) {
        expect(range.min < range.max).toBe(true);
        if (index > 0) expect(range.min).toBe(ranges[index - 1]?.max);
      }
    }
  });

  test('three keys that the official tests expect in three different ranges of a V1 container', () => {
    const ranges = initialRanges(V1, manual(25_000));
    const home = (key: string) => {
      const epk = effectivePartitionKey(V1, [key]);
      return ranges.findIndex((range) => range.min <= epk && epk < range.max);
    };
    expect(new Set(['A', 'M', 'Z'].map(home)).size).toBe(3);
  });
});
