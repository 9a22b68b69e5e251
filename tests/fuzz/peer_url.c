/* fuzz: api base */
/* Any bytes as a peer URL: what is taken prints, names one of four schemes, and is taken again as
 * it came out. */
#include "api/peer_url.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct slice url = peer_url_parse(slice_of(data, size), &a);
    if (url.p) {
        must(slice_has_prefix(url, SLICE_LIT("http")) || slice_has_prefix(url, SLICE_LIT("unix")));
        for (size_t i = 0; i < url.n; i++)
            must(url.p[i] > ' ' && url.p[i] < 0x7f);
        must(slice_eq(peer_url_parse(url, &a), url));
    }
    arena_fini(&a);
    return 0;
}
