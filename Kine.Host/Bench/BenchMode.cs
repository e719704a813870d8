namespace Kine.Host.Bench;

/// <summary>What a run measures; BenchCommand says what each one is.</summary>
internal enum BenchMode
{
    Put,
    Create,
    Update,
    Get,
    List,
    Walk,
    Count,
    Watch,
}
