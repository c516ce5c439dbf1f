// What agents open in these stories. Native messages, as api.md has them.

/** A takeover with everything said: a transcript with tool calls, reasons, evidence. */
export function doubleCharge(more: object = {}): object {
  return {
    reason: {
      code: "policy_limit",
      text: "Refund of 250 EUR is above my limit of 100 EUR.",
      evidence: { limit: 100, requested: 250 },
      confidence: 0.9,
    },
    summary: "Charged twice for order A-4721; wants the second charge back.",
    tried: ["looked up the order", "offered a 100 EUR voucher"],
    customer_told: "I have asked a colleague; this may take a few minutes.",
    conversation: {
      id: "conv_88",
      format: "native",
      messages: [
        { role: "customer", text: "I was charged twice for A-4721." },
        { role: "agent", tool_calls: [{ id: "call_1", name: "find_order", arguments: { order: "A-4721" } }] },
        { role: "tool", tool_result: { call_id: "call_1", output: { charges: 2, eur: 250 }, is_error: false } },
        { role: "agent", text: "I see **two** charges and cannot refund that much myself." },
      ],
      customer: { id: "cus_9", name: "Dana", email: "dana@example.com", locale: "de" },
    },
    ...more,
  };
}

/** Nothing but what must be there, of a customer called so. */
export function bare(customer: string, more: object = {}): object {
  return {
    reason: { code: "user_requested", text: "They asked for a person." },
    conversation: { id: `conv of ${customer}`, messages: [], customer: { name: customer } },
    ...more,
  };
}

/** Every kind of field that a result form can have. */
export const everyKind = {
  type: "object",
  required: ["reference", "refund_eur", "pieces", "method", "on"],
  additionalProperties: false,
  properties: {
    reference: { type: "string", title: "Reference", minLength: 3 },
    refund_eur: { type: "number", minimum: 0, maximum: 250 },
    pieces: { type: "integer", title: "Pieces" },
    goodwill: { type: "boolean", title: "As goodwill" },
    method: { enum: ["card", "voucher"], title: "Method" },
    on: { type: "string", format: "date", title: "Booked on" },
    invoices: { type: "array", items: { type: "string" }, title: "Invoices" },
  },
};
