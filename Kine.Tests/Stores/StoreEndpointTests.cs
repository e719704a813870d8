using Kine.Backends;
using Kine.Backends.Sqlite;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores;

/// <summary>Endpoint forms of upstream kine keep their meaning, and what cannot work is refused with a sentence.</summary>
public class StoreEndpointTests
{
    private static readonly SqliteOptions Default = new() { Path = "./db/state.db" };

    public static TheoryData<string, SqliteOptions> Accepted => new()
    {
        { "", Default },
        { "sqlite://", Default },
        { "sqlite://?_timeout=5", Default with { BusyTimeout = TimeSpan.FromMilliseconds(5) } },
        { "sqlite:///var/lib/kine/state.db", Default with { Path = "/var/lib/kine/state.db" } },
        { "sqlite://data/a%20b.db", Default with { Path = "data/a%20b.db" } },
        { "sqlite://file:data/a%20b.db?mode=rwc", Default with { Path = "data/a b.db" } },
        {
            "sqlite://./db/state.db?_journal_mode=WAL&_busy_timeout=30000&_synchronous=NORMAL&_txlock=immediate&_stmt_cache_size=20&cache=shared",
            Default with { Synchronous = SqliteSynchronous.Normal }
        },
        { "sqlite://x.db?_journal=wal&_sync=2", Default with { Path = "x.db" } },
        { "sqlite://x.db?_sync=extra", Default with { Path = "x.db", Synchronous = SqliteSynchronous.Extra } },
        { "sqlite://x.db?_synchronous=FULL&_sync=OFF", Default with { Path = "x.db", Synchronous = SqliteSynchronous.Off } },
        { "sqlite://x.db?_synchronous=1&_synchronous=2", Default with { Path = "x.db", Synchronous = SqliteSynchronous.Normal } },
        { "sqlite://x.db?_synchronous=&unknown=7&_fk=on", Default with { Path = "x.db" } },
        { "sqlite://x.db?_journal_mode=truncate", Default with { Path = "x.db", JournalMode = SqliteJournalMode.Truncate } },
        { "sqlite://x.db?_cache_size=-2000", Default with { Path = "x.db", CacheSize = -2000 } },
        { "sqlite://x.db?_secure_delete=fast", Default with { Path = "x.db", SecureDelete = "FAST" } },
        { "sqlite://x.db?_secure_delete=1&_locking=EXCLUSIVE", Default with { Path = "x.db", SecureDelete = "ON" } },
        { "sqlite://x.db?_kine_disable_wal_autocheckpoint", Default with { Path = "x.db" } },
        {
            "sqlite://x.db?_kine_disable_compact_wal_checkpoint&_kine_disable_wal_autocheckpoint",
            Default with { Path = "x.db", Checkpoints = false }
        },
        { "litestream://x.db", Default with { Path = "x.db", Checkpoints = false } },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Sqlite_endpoints_mean_what_they_mean_upstream(string endpoint, SqliteOptions expected)
    {
        var parsed = StoreEndpoint.Parse(endpoint);
        Assert.Equal("sqlite", parsed.Scheme);
        Assert.Equal(expected, parsed.Sqlite);
    }

    [Theory]
    [InlineData("./db/state.db", "scheme://")]
    [InlineData("sqlite:x.db", "scheme://")]
    [InlineData("oracle://h/db", "oracle")]
    [InlineData("http://127.0.0.1:2379", "etcd server")]
    [InlineData("https://user:secret@h", "etcd server")]
    [InlineData("unix:///run/etcd.sock", "etcd server")]
    [InlineData("sqlite://x.db?_journal=quick", "_journal_mode")]
    [InlineData("sqlite://x.db?_journal=off", "journal")]
    [InlineData("sqlite://x.db?_sync=4", "_synchronous")]
    [InlineData("sqlite://x.db?_timeout=soon", "_busy_timeout")]
    [InlineData("sqlite://x.db?_cache_size=1.5", "_cache_size")]
    [InlineData("sqlite://x.db?_cache_size=%zz", "hexadecimal")]
    [InlineData("sqlite://x.db?a=1;b=2", "semicolon")]
    [InlineData("sqlite://x.db?_query_only=1", "_query_only")]
    [InlineData("sqlite://x.db?vfs=unix-none", "vfs")]
    [InlineData("sqlite://x.db?_txlock=later", "_txlock")]
    [InlineData("sqlite://:memory:", "memory://")]
    [InlineData("sqlite://file:x?mode=memory", "memory://")]
    public void Other_endpoints_are_refused_with_a_sentence_that_names_the_reason_and_no_secret(string endpoint, string reason)
    {
        var refused = Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse(endpoint));
        Assert.Contains(reason, refused.Message);
        Assert.DoesNotContain("secret", refused.Message);
    }

    [Fact]
    public void Memory_is_an_endpoint()
    {
        var endpoint = StoreEndpoint.Parse("memory://");
        Assert.Equal(("memory", "memory"), (endpoint.Scheme, endpoint.Create().Description));
    }
}
