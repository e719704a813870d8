using Orleans;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>One silo in the membership table. Times are UTC.</summary>
internal sealed record MembershipRow(SiloAddress Silo, SiloStatus Status, DateTime Started, DateTime Alive, string Etag)
{
    public string? Name { get; init; }

    public string? Host { get; init; }

    public int GatewayPort { get; init; }

    public string? Role { get; init; }

    public int UpdateZone { get; init; }

    public int FaultZone { get; init; }

    /// <summary>Who suspects it of being dead, and since when.</summary>
    public IReadOnlyList<MembershipVote>? Suspects { get; init; }

    /// <summary>When something was last heard of it: a sign of life, or a vote against it.</summary>
    public DateTime LastNews => (Suspects ?? []).Select(vote => vote.At).Append(Started).Append(Alive).Max();

    public static MembershipRow Of(MembershipEntry entry, string etag) => new(entry.SiloAddress, entry.Status, Utc(entry.StartTime), Utc(entry.IAmAliveTime), etag)
    {
        Name = entry.SiloName,
        Host = entry.HostName,
        GatewayPort = entry.ProxyPort,
        Role = entry.RoleName,
        UpdateZone = entry.UpdateZone,
        FaultZone = entry.FaultZone,
        Suspects = entry.SuspectTimes?.ConvertAll(vote => new MembershipVote(vote.Item1, Utc(vote.Item2))),
    };

    /// <summary>An entry of the caller's own.</summary>
    public MembershipEntry ToEntry() => new()
    {
        SiloAddress = Silo,
        Status = Status,
        StartTime = Started,
        IAmAliveTime = Alive,
        SiloName = Name!,
        HostName = Host!,
        ProxyPort = GatewayPort,
        RoleName = Role,
        UpdateZone = UpdateZone,
        FaultZone = FaultZone,
        SuspectTimes = Suspects?.Select(vote => Tuple.Create(vote.Silo, vote.At)).ToList(),
    };

    /// <summary>With another sign of life.</summary>
    public MembershipRow SeenAlive(DateTime at) => this with { Alive = Utc(at) };

    private static DateTime Utc(DateTime time) => time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : DateTime.SpecifyKind(time, DateTimeKind.Utc);
}
