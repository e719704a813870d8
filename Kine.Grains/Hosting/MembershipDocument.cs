using System.Text.Json;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>The membership table of the silos as it is stored. <c>nats kv get</c> shows it to people.</summary>
/// <param name="Version">Rises by one with each change, signs of life and clean-ups aside.</param>
/// <param name="Etag">Another one after each of these changes.</param>
/// <param name="Silos">In the order in which they came.</param>
internal sealed record MembershipDocument(int Version, string Etag, IReadOnlyList<MembershipRow> Silos)
{
    /// <summary>The table before the first silo.</summary>
    public static MembershipDocument Empty { get; } = new(0, "0", []);

    /// <summary>Parses it; nothing at all is the empty one. Throws <see cref="InvalidDataException"/>.</summary>
    public static MembershipDocument Parse(ReadOnlySpan<byte> content)
    {
        if (content.IsEmpty)
            return Empty;

        try
        {
            var table = JsonSerializer.Deserialize(content, MembershipJson.Default.MembershipDocument);
            return table?.Silos.Any(row => row is null) == false ? table : throw new JsonException("it, or a row of it, is null");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException(
                $"the table of the processes on this store cannot be read, and only kine may write it; delete it, and the processes write it anew ({error.Message})", error);
        }
    }

    /// <summary>As it is stored.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, MembershipJson.Default.MembershipDocument);

    /// <summary>The row of a silo, or null.</summary>
    public MembershipRow? Find(SiloAddress silo) => Silos.FirstOrDefault(row => row.Silo.Equals(silo));

    /// <summary>With a row in place of the silo's present one, or as the last.</summary>
    public MembershipDocument With(MembershipRow row)
    {
        var rows = Silos.ToList();
        var place = rows.FindIndex(other => other.Silo.Equals(row.Silo));
        if (place >= 0)
            rows[place] = row;
        else
            rows.Add(row);

        return this with { Silos = rows };
    }
}
