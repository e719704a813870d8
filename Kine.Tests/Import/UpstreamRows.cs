using System.Globalization;
using System.Text;

namespace Kine.Tests.Import;

/// <summary>SQL that fills a table in upstream kine's layout, in the words of each database.</summary>
/// <param name="hex">A literal of bytes, for example <c>x'00ff'</c>.</param>
internal sealed class UpstreamRows(Func<byte[], string> hex)
{
    /// <summary>The last id of <see cref="Example"/>.</summary>
    public const long Last = 33;

    /// <summary>The compaction mark of <see cref="Example"/>.</summary>
    public const long Mark = 20;

    /// <summary>
    /// Everything that upstream's table can hold: the mark, rows that a compaction has yet to delete, keys whose first row is compacted away, gaps, tombstones, a
    /// second generation, TTLs, and the apiserver's own mark.
    /// </summary>
    public string Example =>
        $"""
        INSERT INTO kine(id, name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES
        {Row(1, "compact_rev_key", "created", previous: Mark)},
        {Row(3, "/registry/a", "created", value: "a1")},
        {Row(5, "/registry/a", create: 3, previous: 3, value: "a2")},
        {Row(10, "/registry/b", "created", lease: 3600, value: "b1")},
        {Row(12, "/registry/c", create: 4, previous: 4, value: "c7")},
        {Row(15, "gap-15", "deleted")},
        {Row(18, "/registry/d", "created", value: "d1")},
        {Row(19, "/registry/d", "deleted", create: 18, previous: 18, value: "d1")},
        {Row(21, "/registry/a", create: 3, previous: 5, value: "a3")},
        {Row(22, "/registry/e", "created", lease: 15, value: "e1")},
        {Row(23, "/registry/e", "deleted", previous: 22, value: "e1")},
        {Row(24, "/registry/e", "created", previous: 23, value: "e2")},
        {Row(25, "compact_rev_key_apiserver", "created", value: "1|0")},
        {Row(26, "gap-26", "deleted")},
        {Row(27, "compact_rev_key_apiserver", create: 25, previous: 25, value: "2|20")},
        (30, '/registry/f', 1, 0, 0, 0, 0, {hex([0, 1, 0xFF, (byte)'\''])}, NULL),
        (31, 'gap-of-somebody', 1, 0, 0, 0, 0, {hex([])}, NULL),
        {Row(Last, "gap-33", "deleted")}
        """;

    /// <summary>One key a row, from id 2 on.</summary>
    public string Many(int from, int count)
    {
        var text = new StringBuilder("INSERT INTO kine(id, name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES ");
        for (var id = from; id < from + count; id++)
            text.Append(id == from ? "" : ",").Append(Row(id, $"/registry/many/{id}", "created", value: new string('v', 200)));

        return text.ToString();
    }

    private string Row(long id, string name, string kind = "", long create = 0, long previous = 0, long lease = 0, string value = "") => string.Create(
        CultureInfo.InvariantCulture,
        $"({id}, '{name}', {(kind == "created" ? 1 : 0)}, {(kind == "deleted" ? 1 : 0)}, {create}, {previous}, {lease}, {hex(Encoding.UTF8.GetBytes(value))}, NULL)");
}
