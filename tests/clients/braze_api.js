// Calls the local Braze with the npm package braze-api, and prints what each call gave, as one JSON object.
//
// SANDBOX_URL and SANDBOX_KEY say where; NODE_PATH must lead to the package.
const { Braze } = require("braze-api");

const braze = new Braze(process.env.SANDBOX_URL, process.env.SANDBOX_KEY);
const stranger = new Braze(process.env.SANDBOX_URL, "no-such-key");
const ada = { external_id: "ada" };
const alias = { alias_name: "ada@shop", alias_label: "shop" };

async function itemsOf(catalog) {
  const items = [];
  for await (const item of braze.catalogs.synchronous.items({ catalog_name: catalog })) items.push(item.id);
  return items;
}

const calls = {
  track: () =>
    braze.users.track({
      attributes: [{ ...ada, first_name: "Ada", email: "ada@acme-demo.io", points: 7, gender: null }],
      events: [{ ...ada, name: "visit", time: "2026-01-05T09:00:00Z", properties: { page: "a" } }],
      purchases: [{ ...ada, product_id: "p-1", currency: "EUR", price: 9.99, time: "2026-01-05T09:00:00Z" }],
    }),
  bulk: () => braze.users.track({ attributes: [{ external_id: "bob", points: 1 }] }, true),
  partly: () => braze.users.track({ events: [{ external_id: "ada", name: "visit" }, { ...ada, name: "v", time: "2026-01-05" }] }),
  aliases: () => braze.users.alias.new({ user_aliases: [{ ...ada, ...alias }] }),
  renamed_alias: () =>
    braze.users.alias.update({
      alias_updates: [{ alias_label: "shop", old_alias_name: "ada@shop", new_alias_name: "ada@store" }],
    }),
  identify: () => braze.users.identify({ aliases_to_identify: [{ external_id: "ada", user_alias: { alias_name: "x", alias_label: "shop" } }] }),
  exported: () => braze.users.export.ids({ external_ids: ["ada"], fields_to_export: ["external_id", "first_name", "custom_attributes"] }),
  groups: () =>
    braze.v2.subscription.status.set({
      subscription_groups: [
        { subscription_group_id: "00000000-0000-4000-8000-0000000000aa", subscription_state: "unsubscribed", external_ids: ["ada"] },
      ],
    }),
  catalogs: () => braze.catalogs.synchronous.list(),
  items: () => itemsOf("products"),
  item: () => braze.catalogs.synchronous.item({ catalog_name: "products", item_id: "p-60" }),
  no_item: () => braze.catalogs.synchronous.item({ catalog_name: "products", item_id: "none" }),
  renamed: () => braze.users.external_ids.rename({ external_id_renames: [{ current_external_id: "bob", new_external_id: "rob" }] }),
  removed: () => braze.users.external_ids.remove({ external_ids: ["bob"] }),
  merged: () =>
    braze.users.merge({ merge_updates: [{ identifier_to_merge: { external_id: "rob" }, identifier_to_keep: ada }] }),
  deleted: () => braze.users.delete({ external_ids: ["ada"] }),
  refused: () => braze.users.track({}),
  stranger: () => stranger.users.track({ attributes: [ada] }),
};

async function main() {
  const told = {};
  for (const [name, call] of Object.entries(calls)) {
    try {
      told[name] = await call();
    } catch (error) {
      told[name] = { error: error.message, status: error.status, errors: error.errors };
    }
  }
  console.log(JSON.stringify(told));
}

main();
