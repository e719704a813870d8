namespace Kine.Tests.Chaos;

/// <summary>What a transaction asks for: that the key was last written at that revision (0 = is not there) and so holds that value (null = is not there).</summary>
internal sealed record Guard(string Key, long ModRevision, string? Value);
