using System.Reflection;

namespace Kine.Tests.Rooms;

/// <summary>
/// The rooms of a project, which are its namespaces, from the ground up. A room sees those before it. Rooms that stand together, as in <c>Sqlite Nats</c>, do not
/// see each other. The project's own namespace is the room <c>.</c>
/// </summary>
internal sealed class RoomOrder
{
    private readonly string _project;
    private readonly Dictionary<string, int> _places = [];

    public RoomOrder(string project, params string[] places)
    {
        _project = project;
        for (var place = 0; place < places.Length; place++)
        {
            foreach (var room in places[place].Split(' '))
                _places.Add(room, place);
        }
    }

    /// <summary>Each arrow that runs back, as "room -> room", with the types that it runs between.</summary>
    public SortedDictionary<string, List<string>> ArrowsBack(Assembly assembly)
    {
        var back = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        foreach ((var from, var to) in TypeReferences.Of(assembly).Distinct())
        {
            if (RoomOf(from) is not { } room || RoomOf(to) is not { } other || room == other || _places[other] < _places[room])
                continue;

            var arrow = $"{room} -> {other}";
            if (!back.TryGetValue(arrow, out var types))
                back.Add(arrow, types = []);

            types.Add($"{from.Name} names {to.Name}");
        }

        return back;
    }

    // Null for what a generator makes in namespaces of its own, such as the protocol's messages and Orleans' codecs.
    private string? RoomOf(Type type)
    {
        if (type.Namespace == _project)
            return ".";

        if (type.Namespace?.StartsWith(_project + ".", StringComparison.Ordinal) != true)
            return null;

        var room = type.Namespace[(_project.Length + 1)..].Split('.')[0];
        return _places.ContainsKey(room) ? room : throw new InvalidOperationException($"{type.FullName} stands in a room without a place: {room}");
    }
}
