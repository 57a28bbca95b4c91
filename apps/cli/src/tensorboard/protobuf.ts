// Protocol buffers as far as event files need them: fields written one after the other. The wire format is
// protobuf.dev/programming-guides/encoding: a tag (field number << 3 | wire type), then the value.

/** Bytes of one field, or of several in a row: a message. */
export type Encoded = Buffer;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Whole numbers from 0 to 2^53 - 1: seven bits a byte, the lowest first. */
export function varint(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`varint: ${value} is no whole number from 0 on`);
  const bytes: number[] = [];
  let rest = value;
  // no shifts: they would cut at 32 bits
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

const tag = (field: number, wire: number): Buffer => varint(field * 8 + wire);

/** int64 and enum fields. */
export const intField = (field: number, value: number): Encoded => Buffer.concat([tag(field, VARINT), varint(value)]);

export function doubleField(field: number, value: number): Encoded {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, FIXED64), bytes]);
}

export function floatField(field: number, value: number): Encoded {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, FIXED32), bytes]);
}

/** Strings (UTF-8) and bytes. */
export function bytesField(field: number, value: string | Uint8Array): Encoded {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([tag(field, BYTES), varint(bytes.length), bytes]);
}

/** A message within a message: its fields in a row. */
export const messageField = (field: number, ...fields: readonly Encoded[]): Encoded => bytesField(field, Buffer.concat(fields));
