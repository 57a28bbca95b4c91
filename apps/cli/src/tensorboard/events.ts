// TensorBoard's event files: a row of TFRecords, each an Event message.
//
// Sources of the format: tensorflow/core/lib/io/record_writer.h (framing, masked CRC-32C of RFC 3720),
// tensorflow/core/util/event.proto and tensorflow/core/framework/{summary,tensor,tensor_shape}.proto (field numbers below),
// tensorboard/plugins/text/metadata.py (text is a string tensor of the plugin "text").
import { bytesField, doubleField, type Encoded, floatField, intField, messageField } from "./protobuf.js";

export interface Scalar {
  tag: string;
  value: number;
}

/** Event.file_version, which a file begins with. */
export function versionEvent(wallSeconds: number): Encoded {
  return Buffer.concat([doubleField(1, wallSeconds), bytesField(3, "brain.Event:2")]);
}

/**
 * Event.session_log with the status START. Readers take the first one of a folder for the beginning, and at every later one they drop what
 * they have from its step on (plugin_event_accumulator.py): so a file begins with it, the first too.
 */
export function startEvent(wallSeconds: number, step: number): Encoded {
  return Buffer.concat([doubleField(1, wallSeconds), intField(2, step), messageField(7, intField(1, 1))]);
}

/** Event.summary with values of one step. Readers know f32 alone here. */
export function scalarEvent(wallSeconds: number, step: number, scalars: readonly Scalar[]): Encoded {
  const values = scalars.map(({ tag, value }) => messageField(1, bytesField(1, tag), floatField(2, value)));
  return Buffer.concat([doubleField(1, wallSeconds), intField(2, step), messageField(5, ...values)]);
}

/** Text, as Markdown. */
export function textEvent(wallSeconds: number, step: number, tag: string, text: string): Encoded {
  const dtypeString = 7;
  const tensor = messageField(
    8,
    intField(1, dtypeString),
    messageField(2, messageField(2, intField(1, 1))), // shape [1]
    bytesField(8, text),
  );
  const metadata = messageField(9, messageField(1, bytesField(1, "text")));
  const value = messageField(1, bytesField(1, tag), tensor, metadata);
  return Buffer.concat([doubleField(1, wallSeconds), intField(2, step), messageField(5, value)]);
}

/** A TFRecord: length (u64), masked CRC of the length, data, masked CRC of the data; all little endian. */
export function record(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length));
  head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
  const foot = Buffer.alloc(4);
  foot.writeUInt32LE(maskedCrc(data));
  return Buffer.concat([head, data, foot]);
}

/** Rotated and shifted, so that the CRC of data that holds its own CRC stays of use. */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Castagnoli's polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
